"""A user's todos."""

from datetime import datetime, time
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.todos.errors import TodoNotFound
from app.domain.todos.models import Todo
from app.domain.todos.repository import TodoRepository
from app.domain.todos.schemas import NewTodo, TodoChanges, TodoFilter, TodoList, TodoView
from app.domain.todos.service import texts
from app.domain.todos.service.tags import TagService
from app.lib.errors import InvalidField
from app.lib.zones import read_bounds, read_time

_UTC = ZoneInfo("UTC")
_LAST_MINUTE = time(23, 59)
"""When a todo ends that ends "on Friday"."""


class TodoService:
    """Times without an offset are read in `zone`."""

    def __init__(self, repository: TodoRepository, tags: TagService, zone: ZoneInfo) -> None:
        self._todos = repository
        self._tags = tags
        self._zone = zone

    @classmethod
    def open(cls, db_session: AsyncSession, owner_id: UUID, zone: ZoneInfo = _UTC) -> Self:
        return cls(TodoRepository(db_session, owner_id), TagService.open(db_session, owner_id), zone)

    async def page(self, filters: TodoFilter, *, limit: int, offset: int) -> TodoList:
        """The todos that take place, at least in part, between `since` and `until`, and match the rest."""
        tag = texts.storable(filters.tag, "tag") if filters.tag is not None else None
        todos, total = await self._todos.matching(
            status=filters.status,
            importance=filters.importance,
            tag_key=None if tag is None else texts.key(" ".join(tag.split())),
            since=None if filters.since is None else read_bounds(filters.since, self._zone, "from")[0],
            until=None if filters.until is None else read_bounds(filters.until, self._zone, "to")[1],
            words=texts.key(texts.storable(filters.q or "", "q")).split(),
            limit=limit,
            offset=offset,
        )
        return TodoList(items=[view(todo) for todo in todos], total=total, limit=limit, offset=offset)

    async def get(self, todo_id: UUID) -> TodoView:
        todo = await self._todos.find(todo_id)
        if todo is None:
            raise TodoNotFound(todo_id)
        return view(todo)

    async def create(self, new: NewTodo, *, make_tags: bool = False) -> TodoView:
        start, end = self._start(new.start_time), self._end(new.end_time)
        _check_order(start, end)
        todo = Todo(
            item=texts.title(new.item, "/item"),
            description=_description(new.description),
            status=new.status,
            importance=new.importance,
            start_time=start,
            end_time=end,
            tags=await self._tags.named(new.tags, create=make_tags),
        )
        _index(todo)
        return view(await self._todos.add(todo))

    async def update(
        self, todo_id: UUID, changes: TodoChanges, *, make_tags: bool = False, keep_length: bool = False
    ) -> TodoView:
        """With `keep_length` a new start without a new end moves the end along."""
        todo = await self._todos.find_to_change(todo_id)
        if todo is None:
            raise TodoNotFound(todo_id)
        if not isinstance(changes.item, UnsetType):
            todo.item = texts.title(changes.item, "/item")
        if not isinstance(changes.description, UnsetType):
            todo.description = _description(changes.description)
        if not isinstance(changes.status, UnsetType):
            todo.status = changes.status
        if not isinstance(changes.importance, UnsetType):
            todo.importance = changes.importance
        self._move(todo, changes, keep_length=keep_length)
        if not isinstance(changes.tags, UnsetType):
            todo.tags = await self._tags.named(changes.tags, create=make_tags)
        _index(todo)
        await self._todos.save()
        return view(todo)

    async def delete(self, todo_id: UUID) -> TodoView:
        """Returns what it was."""
        todo = await self.get(todo_id)
        if not await self._todos.remove(todo_id):
            raise TodoNotFound(todo_id)
        return todo

    def _move(self, todo: Todo, changes: TodoChanges, *, keep_length: bool) -> None:
        start, end = todo.start_time, todo.end_time
        if not isinstance(changes.start_time, UnsetType):
            start = self._start(changes.start_time)
        if not isinstance(changes.end_time, UnsetType):
            end = self._end(changes.end_time)
        elif keep_length and start and todo.start_time and end:
            end = start + (end - todo.start_time)
        if changes.start_time is not UNSET or changes.end_time is not UNSET:
            _check_order(start, end)
            todo.start_time, todo.end_time = start, end

    def _start(self, text: str | None) -> datetime | None:
        return None if text is None else read_time(text, self._zone, "/start_time")

    def _end(self, text: str | None) -> datetime | None:
        return None if text is None else read_time(text, self._zone, "/end_time", of_day=_LAST_MINUTE)


def view(todo: Todo) -> TodoView:
    return TodoView(
        id=todo.id,
        item=todo.item,
        description=todo.description,
        status=todo.status,
        importance=todo.importance,
        start_time=todo.start_time,
        end_time=todo.end_time,
        tags=[tag.name for tag in todo.tags],
        created_at=todo.created_at,
        updated_at=todo.updated_at,
    )


def _check_order(start: datetime | None, end: datetime | None) -> None:
    if start is not None and end is not None and end <= start:
        raise InvalidField("/end_time", "The end must be after the start.")


def _description(text: str | None) -> str | None:
    return texts.storable(text, "/description").strip() or None if text is not None else None


def _index(todo: Todo) -> None:
    todo.search_text = texts.key(f"{todo.item}\n{todo.description or ''}")
