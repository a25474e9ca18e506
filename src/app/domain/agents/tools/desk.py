"""Where a tool works: the run's user, their services in one transaction, and their clock on the wall."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.service import AccountService
from app.domain.agents.context import RunContext
from app.domain.todos.schemas import TodoView
from app.domain.todos.service import ScheduleService, TodoService
from app.lib.zones import zone_named


@dataclass(frozen=True, slots=True)
class Desk:
    db_session: AsyncSession
    context: RunContext

    @property
    def now(self) -> datetime:
        return self.context.clock.now()

    async def zone(self) -> ZoneInfo:
        account = await AccountService.open(self.db_session).get(self.context.owner_id)
        return zone_named(account.time_zone)

    def todos(self, zone: ZoneInfo) -> TodoService:
        return TodoService.open(self.db_session, self.context.owner_id, zone)

    def schedule(self, zone: ZoneInfo) -> ScheduleService:
        return ScheduleService.open(self.db_session, self.context.owner_id, zone)


def told(todo: TodoView, zone: ZoneInfo) -> dict[str, Any]:
    """A todo as the model sees it, with times as the user's clock shows them."""
    return {
        "todo_id": str(todo.id),
        "item": todo.item,
        "description": todo.description,
        "status": todo.status,
        "importance": todo.importance,
        "start_time": clock_time(todo.start_time, zone),
        "end_time": clock_time(todo.end_time, zone),
        "tags": todo.tags,
    }


def clock_time(moment: datetime | None, zone: ZoneInfo) -> str | None:
    return None if moment is None else moment.astimezone(zone).isoformat()
