"""Calling tools as a run does, without executing one."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.agents.context import CallPosition, RunContext
from app.domain.agents.tools.catalog import TOOLS
from app.domain.quotas.schemas import QuotaStatus
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from tests.people import new_owner
from tests.rows import a_run

NOW = datetime(2026, 11, 20, 8, 2, 30, tzinfo=UTC)  # a Friday
QUOTA = QuotaStatus(
    requests_used=3,
    requests_limit=200,
    requests_remaining=197,
    tokens_used=40,
    tokens_reserved=0,
    tokens_limit=1000,
    tokens_remaining=960,
    cost_usd_used="0.001",
    cost_usd_reserved="0",
    cost_usd_limit=None,
    cost_usd_remaining=None,
    unpriced_calls=0,
    provider_calls=3,
    concurrent_runs_used=1,
    concurrent_runs_limit=5,
    concurrent_runs_remaining=4,
    rate_limit_per_minute=10,
    rate_limit_remaining=9,
    reset_date=datetime(2026, 12, 1, tzinfo=UTC),
)


class Caller:
    """Calls tools for one run, each call at the next position."""

    def __init__(self, db: Database, owner: UUID, run_id: UUID, at: datetime = NOW) -> None:
        async def quota() -> QuotaStatus:
            return QUOTA

        self.context = RunContext(run_id, owner, db, FixedClock(at), quota)
        self.turn = 0

    def position(self) -> CallPosition:
        self.turn += 1
        return CallPosition("", self.turn, 0)

    async def __call__(self, tool: str, **arguments: Any) -> dict[str, Any]:
        return await self.at(self.position(), tool, **arguments)

    async def at(self, position: CallPosition, tool: str, **arguments: Any) -> dict[str, Any]:
        return await TOOLS[tool].invoke(self.context, position, arguments)


async def caller(
    db: Database, time_zone: str = "Europe/Berlin", at: datetime = NOW, owner: UUID | None = None
) -> Caller:
    owner = owner or await new_owner(db, time_zone=time_zone)
    return Caller(db, owner, await a_run(db, attempt=1, owner_id=owner), at)
