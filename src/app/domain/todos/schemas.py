"""Todos and tags on the wire. Times come in as ISO 8601 text, and go out in UTC."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

from app.domain.todos import models

Status = models.Status
Importance = models.Importance

Item = Annotated[str, Meta(min_length=1, max_length=200)]
Description = Annotated[str, Meta(max_length=5000)]
Time = Annotated[str, Meta(max_length=64)]
"""ISO 8601. Without an offset it is read in the user's time zone."""
TagName = Annotated[str, Meta(min_length=1, max_length=50)]
TagNames = Annotated[list[TagName], Meta(max_length=20)]


class NewTodo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    item: Item
    description: Description | None = None
    status: Status = "pending"
    importance: Importance = "medium"
    start_time: Time | None = None
    end_time: Time | None = None
    tags: TagNames = []


class TodoChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays; `null` empties; tags are replaced as a whole."""

    item: Item | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    status: Status | UnsetType = UNSET
    importance: Importance | UnsetType = UNSET
    start_time: Time | UnsetType | None = UNSET
    end_time: Time | UnsetType | None = UNSET
    tags: TagNames | UnsetType = UNSET


class TodoView(Struct, frozen=True, kw_only=True):
    id: UUID
    item: str
    description: str | None
    status: Status
    importance: Importance
    start_time: datetime | None
    end_time: datetime | None
    tags: list[str]
    created_at: datetime
    updated_at: datetime


class TodoList(Struct, frozen=True, kw_only=True):
    items: list[TodoView]
    total: int
    limit: int
    offset: int


class TodoFilter(Struct, frozen=True, kw_only=True):
    """What a list is narrowed to. A bare date is the whole day; `q` is words that all occur."""

    status: Status | None = None
    importance: Importance | None = None
    tag: str | None = None
    since: str | None = None
    until: str | None = None
    q: str | None = None


class NewTag(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: TagName


class TagView(Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    created_at: datetime


class TagList(Struct, frozen=True, kw_only=True):
    items: list[TagView]
    total: int
    limit: int
    offset: int


class Move(Struct, frozen=True, kw_only=True):
    """A todo's new time. Without an end it keeps its length."""

    todo_id: UUID
    start_time: Time
    end_time: Time | None = None


class SlotWish(Struct, frozen=True, kw_only=True):
    """When something may be put on the schedule: at `start_time`, or else wherever it is free."""

    duration_minutes: int | None = None
    """Absent: as long as the todo is now, or else an hour."""
    start_time: Time | None = None
    earliest: Time | None = None
    """Absent or past: now."""
    latest: Time | None = None
    """Absent: a week after `earliest`."""
    day_start: str = "09:00"
    day_end: str = "18:00"


class Slot(Struct, frozen=True, kw_only=True):
    """A piece of time in UTC, its end excluded."""

    start: datetime
    end: datetime


class ScheduleQuestion(Struct, frozen=True, kw_only=True):
    """Which days to look at. A first day that is absent is today."""

    first_day: str | None = None
    days: int = 7
    day_start: str = "09:00"
    day_end: str = "18:00"


class DayPlan(Struct, frozen=True, kw_only=True):
    """One day of a schedule, as its owner's calendar names it."""

    date: str
    weekday: str
    todos: list[TodoView]
    busy_minutes: int
    free: list[Slot]


class ScheduleReport(Struct, frozen=True, kw_only=True):
    days: list[DayPlan]
    overlaps: list[tuple[TodoView, TodoView]]
    unscheduled: int
    """Open todos that have no time yet."""
