"""Finding time for todos, and keeping two of them from taking the same."""

from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from itertools import islice
from typing import Self
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.todos.errors import NoFreeSlot, ScheduleConflict, TodoNotFound
from app.domain.todos.models import OPEN, Todo
from app.domain.todos.repository import TodoRepository
from app.domain.todos.schedule import Span, clashes, days_of, first_slot, free, merged, rounded_up, working_hours
from app.domain.todos.schemas import DayPlan, Move, NewTodo, ScheduleQuestion, ScheduleReport, Slot, SlotWish, TodoView
from app.domain.todos.service.todos import TodoService, view
from app.lib.errors import InvalidField
from app.lib.zones import day_bounds, read_bounds, read_time

ENDLESS = timedelta(minutes=30)
"""What a todo with a start and no end takes up."""
_HOUR = timedelta(hours=1)
_WEEK = timedelta(days=7)
_LONGEST_SEARCH = timedelta(days=92)
_STEP_MINUTES = 5
_MOST_MINUTES = 24 * 60
_MOST_DAYS = 31
_MOST_TODOS = 1000
_MOST_OVERLAPS = 50


class ScheduleService:
    """Only open todos take up time. Adding a todo by hand may double-book; nothing here does."""

    def __init__(self, repository: TodoRepository, todos: TodoService, zone: ZoneInfo) -> None:
        self._todos = repository
        self._service = todos
        self._zone = zone

    @classmethod
    def open(cls, db_session: AsyncSession, owner_id: UUID, zone: ZoneInfo) -> Self:
        return cls(TodoRepository(db_session, owner_id), TodoService.open(db_session, owner_id, zone), zone)

    async def place(self, what: NewTodo | UUID, wish: SlotWish, now: datetime) -> TodoView:
        """Give a todo the time that was wished for, or the first that is free. Two at once never get the same."""
        await self._todos.lock_schedule()
        if isinstance(what, NewTodo):
            span = await self._slot(what.item, wish, _HOUR, now, without=())
            placed = replace(what, start_time=span.start.isoformat(), end_time=span.end.isoformat())
            return await self._service.create(placed, make_tags=True)
        todo = await self._find(what)
        span = await self._slot(todo.item, wish, _length(todo) or _HOUR, now, without={todo.id})
        todo.start_time, todo.end_time = span
        await self._todos.save()
        return view(todo)

    async def move(self, moves: Sequence[Move]) -> list[TodoView]:
        """All of them or none. They may take each other's places."""
        await self._todos.lock_schedule()
        moved = [
            (self._new_span(move, n, todo := await self._find(move.todo_id)), todo) for n, move in enumerate(moves)
        ]
        ids = {todo.id for _, todo in moved}
        if len(ids) < len(moved):
            raise InvalidField("/updates", "A todo can be moved only once at a time.")
        window = Span(min(span.start for span, _ in moved), max(span.end for span, _ in moved))
        others = await self._taken(window, without=ids)
        for before, after in clashes([*moved, *others]):
            if before.id in ids or after.id in ids:
                wanted, other = (after, before) if after.id in ids else (before, after)
                spans = {todo.id: span for span, todo in [*moved, *others]}
                raise self._conflict(wanted.item, [(spans[other.id], other)])
        for span, todo in moved:
            todo.start_time, todo.end_time = span
        await self._todos.save()
        return [view(todo) for _, todo in moved]

    async def report(self, question: ScheduleQuestion, now: datetime) -> ScheduleReport:
        """What lies on each day, what is free in its working hours from now on, and what overlaps."""
        if not 1 <= question.days <= _MOST_DAYS:
            raise InvalidField("/days", f"Look at 1 to {_MOST_DAYS} days.")
        first = question.first_day or now.astimezone(self._zone).date().isoformat()
        start = read_time(first, self._zone, "/first_day").astimezone(self._zone).date()
        window = Span(
            day_bounds(start, self._zone)[0], day_bounds(start + timedelta(days=question.days - 1), self._zone)[1]
        )
        found, _ = await self._todos.matching(
            status=None, importance=None, tag_key=None, since=window.start, until=window.end, words=(),
            limit=_MOST_TODOS, offset=0,
        )  # fmt: skip
        todos = [todo for todo in found if todo.status != "cancelled"]
        taken = [(span, todo) for todo in todos if todo.status in OPEN and (span := _span(todo))]
        open_hours = self._hours(window, question.day_start, question.day_end)
        busy = merged([span for span, _ in taken])
        days = [
            self._plan(Span(*day_bounds(day, self._zone)), todos, busy, open_hours, now)
            for day in days_of(window, self._zone)
        ]
        overlaps = [(view(one), view(other)) for one, other in islice(clashes(taken), _MOST_OVERLAPS)]
        return ScheduleReport(days=days, overlaps=overlaps, unscheduled=await self._todos.unscheduled())

    def _plan(
        self, day: Span, todos: Iterable[Todo], busy: Sequence[Span], hours: Iterable[Span], now: datetime
    ) -> DayPlan:
        taken = [part for span in busy if (part := span.within(day))]
        still = Span(max(day.start, now), day.end)
        ahead = [part for hour in hours if still.start < still.end and (part := hour.within(still))]
        gaps = [gap for hour in ahead for gap in free(hour, busy)]
        date = day.start.astimezone(self._zone).date()
        return DayPlan(
            date=date.isoformat(),
            weekday=date.strftime("%A"),
            todos=[view(todo) for todo in todos if _lies_on(todo, day)],
            busy_minutes=int(sum((span.length for span in taken), timedelta()) / timedelta(minutes=1)),
            free=[Slot(start=gap.start, end=gap.end) for gap in gaps],
        )

    async def _slot(
        self, item: str, wish: SlotWish, usual: timedelta, now: datetime, *, without: Iterable[UUID]
    ) -> Span:
        length = usual if wish.duration_minutes is None else _minutes(wish.duration_minutes)
        if wish.start_time is not None:
            start = read_time(wish.start_time, self._zone, "/start_time")
            wanted = Span(start, start + length)
            if taken := await self._taken(wanted, without=without):
                raise self._conflict(item, taken)
            return wanted
        window = self._window(wish, now)
        hours = self._hours(window, wish.day_start, wish.day_end)
        slot = first_slot(length, hours, [span for span, _ in await self._taken(window, without=without)])
        if slot is None:
            raise NoFreeSlot(int(length / timedelta(minutes=1)), self._shown(window.start), self._shown(window.end))
        return slot

    def _window(self, wish: SlotWish, now: datetime) -> Span:
        earliest = rounded_up(now, _STEP_MINUTES)
        if wish.earliest is not None:
            earliest = max(earliest, read_time(wish.earliest, self._zone, "/earliest"))
        latest = earliest + _WEEK if wish.latest is None else read_bounds(wish.latest, self._zone, "/latest")[1]
        if latest <= earliest:
            raise InvalidField("/latest", f"This must be after {self._shown(earliest)}.")
        return Span(earliest, min(latest, earliest + _LONGEST_SEARCH))

    def _hours(self, window: Span, day_start: str, day_end: str) -> list[Span]:
        opens, closes = _wall_time(day_start, "/day_start"), _wall_time(day_end, "/day_end")
        if closes <= opens:
            raise InvalidField("/day_end", "The day must end after it starts.")
        return working_hours(window, opens, closes, self._zone)

    async def _taken(self, window: Span, *, without: Iterable[UUID]) -> list[tuple[Span, Todo]]:
        todos = await self._todos.on_schedule(window.start, window.end, endless=ENDLESS)
        left_out = {*without}
        return [(span, todo) for todo in todos if todo.id not in left_out and (span := _span(todo))]

    async def _find(self, todo_id: UUID) -> Todo:
        todo = await self._todos.find_to_change(todo_id)
        if todo is None:
            raise TodoNotFound(todo_id)
        return todo

    def _new_span(self, move: Move, number: int, todo: Todo) -> Span:
        start = read_time(move.start_time, self._zone, f"/updates/{number}/start_time")
        if move.end_time is None:
            return Span(start, start + (_length(todo) or _HOUR))
        end = read_time(move.end_time, self._zone, f"/updates/{number}/end_time")
        if end <= start:
            raise InvalidField(f"/updates/{number}/end_time", "The end must be after the start.")
        return Span(start, end)

    def _conflict(self, wanted: str, taken: Iterable[tuple[Span, Todo]]) -> ScheduleConflict:
        return ScheduleConflict(
            wanted,
            [
                {
                    "todo_id": str(todo.id),
                    "item": todo.item,
                    "start_time": self._shown(span.start),
                    "end_time": self._shown(span.end),
                }
                for span, todo in islice(taken, _MOST_OVERLAPS)
            ],
        )

    def _shown(self, moment: datetime) -> str:
        return moment.astimezone(self._zone).isoformat(timespec="minutes")


def _span(todo: Todo) -> Span | None:
    """What it takes up of the schedule."""
    return None if todo.start_time is None else Span(todo.start_time, todo.end_time or todo.start_time + ENDLESS)


def _length(todo: Todo) -> timedelta | None:
    return todo.end_time - todo.start_time if todo.start_time and todo.end_time else None


def _lies_on(todo: Todo, day: Span) -> bool:
    begins, ends = todo.start_time or todo.end_time, todo.end_time or todo.start_time
    return begins is not None and ends is not None and begins < day.end and (ends > day.start or begins >= day.start)


def _minutes(minutes: int) -> timedelta:
    if not _STEP_MINUTES <= minutes <= _MOST_MINUTES:
        raise InvalidField("/duration_minutes", f"Between {_STEP_MINUTES} and {_MOST_MINUTES} minutes can be planned.")
    return timedelta(minutes=minutes)


def _wall_time(text: str, pointer: str) -> time:
    try:
        wall_time = time.fromisoformat(text)
    except ValueError:
        wall_time = None
    if wall_time is None or wall_time.tzinfo is not None:
        raise InvalidField(pointer, "This must be a time of day such as 09:00.")
    return wall_time
