"""The tools that plan a user's time."""

from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Meta, Struct
from msgspec.structs import asdict

from app.domain.agents.tools.desk import Desk, clock_time, told
from app.domain.agents.tools.errors import ToolInputInvalid
from app.domain.agents.tools.todos import Details, End, Start, Tags, Title, TodoId
from app.domain.agents.tools.tool import Tool
from app.domain.todos.schemas import (
    DayPlan,
    Importance,
    Move,
    NewTodo,
    ScheduleQuestion,
    Slot,
    SlotWish,
    Time,
    TodoView,
)

DayStart = Annotated[str, Meta(max_length=32, description="When working hours begin, in the user's time zone.")]
DayEnd = Annotated[str, Meta(max_length=32, description="When working hours end.")]


class AnalyzeSchedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    first_day: (
        Annotated[Time, Meta(description="The first date to look at, such as 2026-11-22. Absent: today.")] | None
    ) = None
    days: Annotated[int, Meta(ge=1, le=31, description="How many days to look at.")] = 7
    day_start: DayStart = "09:00"
    day_end: DayEnd = "18:00"


class ScheduleTodo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    todo_id: TodoId | None = None
    item: Title | None = None
    description: Details | None = None
    importance: Importance = "medium"
    tags: Tags = []
    duration_minutes: (
        Annotated[int, Meta(ge=5, le=1440, description="Absent: as long as it is now, or an hour.")] | None
    ) = None
    start_time: (
        Annotated[Start, Meta(description="Exactly then, or not at all. Absent: the first free time.")] | None
    ) = None
    earliest: Annotated[Time, Meta(description="Not before this date or time. Absent: now.")] | None = None
    latest: Annotated[Time, Meta(description="Over by this date or time. Absent: a week later.")] | None = None
    day_start: DayStart = "09:00"
    day_end: DayEnd = "18:00"


class NewTime(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    todo_id: TodoId
    start_time: Start
    end_time: Annotated[End, Meta(description="Absent: the todo keeps its length.")] | None = None


class BatchUpdateSchedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    updates: Annotated[list[NewTime], Meta(min_length=1, max_length=50, description="The todos to move.")]


async def analyze_schedule(desk: Desk, arguments: AnalyzeSchedule) -> dict[str, Any]:
    zone = await desk.zone()
    report = await desk.schedule(zone).report(ScheduleQuestion(**asdict(arguments)), desk.now)
    return {
        "time_zone": zone.key,
        "days": [_day(day, zone) for day in report.days],
        "overlaps": [[_brief(one, zone), _brief(other, zone)] for one, other in report.overlaps],
        "unscheduled": report.unscheduled,
    }


async def schedule_todo(desk: Desk, arguments: ScheduleTodo) -> dict[str, Any]:
    zone = await desk.zone()
    wish = SlotWish(
        duration_minutes=arguments.duration_minutes,
        start_time=arguments.start_time,
        earliest=arguments.earliest,
        latest=arguments.latest,
        day_start=arguments.day_start,
        day_end=arguments.day_end,
    )
    return told(await desk.schedule(zone).place(_what(arguments), wish, desk.now), zone)


async def batch_update_schedule(desk: Desk, arguments: BatchUpdateSchedule) -> dict[str, Any]:
    zone = await desk.zone()
    moves = [Move(**asdict(update)) for update in arguments.updates]
    moved = await desk.schedule(zone).move(moves)
    return {"updated": len(moved), "todos": [told(todo, zone) for todo in moved]}


def _what(arguments: ScheduleTodo) -> NewTodo | UUID:
    if arguments.todo_id is not None and arguments.item is None:
        return arguments.todo_id
    if arguments.item is not None and arguments.todo_id is None:
        return NewTodo(
            item=arguments.item,
            description=arguments.description,
            importance=arguments.importance,
            tags=arguments.tags,
        )
    raise ToolInputInvalid("schedule_todo", "give either todo_id for a todo that exists or item for a new one.")


def _day(day: DayPlan, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "date": day.date,
        "weekday": day.weekday,
        "todos": [_brief(todo, zone) for todo in day.todos],
        "busy_minutes": day.busy_minutes,
        "free": [_slot(slot, zone) for slot in day.free],
    }


def _slot(slot: Slot, zone: ZoneInfo) -> dict[str, Any]:
    return {"start_time": clock_time(slot.start, zone), "end_time": clock_time(slot.end, zone)}


def _brief(todo: TodoView, zone: ZoneInfo) -> dict[str, Any]:
    brief = ("todo_id", "item", "status", "importance", "start_time", "end_time")
    return {name: value for name, value in told(todo, zone).items() if name in brief}


TOOLS = [
    Tool(
        "analyze_schedule",
        "Show day by day what is planned, what time is free in working hours, and which todos overlap.",
        AnalyzeSchedule,
        analyze_schedule,
    ),
    Tool(
        "schedule_todo",
        "Put a todo on the schedule without overlapping another: at start_time, or else at the first free time "
        "between earliest and latest within working hours. Give todo_id for a todo that exists, item for a new one.",
        ScheduleTodo,
        schedule_todo,
        effect=True,
    ),
    Tool(
        "batch_update_schedule",
        "Move several todos at once: all of them, or none where one does not exist or would overlap.",
        BatchUpdateSchedule,
        batch_update_schedule,
        effect=True,
    ),
]
