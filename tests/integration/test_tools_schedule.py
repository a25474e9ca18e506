"""The tools that plan: nothing they do books a time twice."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import anyio
import pytest

from app.domain.todos.errors import NoFreeSlot, ScheduleConflict, TodoNotFound
from app.lib.db.engine import Database
from app.lib.errors import InvalidField
from tests.tool_calls import Caller, caller


@pytest.fixture
async def call(db: Database) -> Caller:
    return await caller(db)


def times(todo: dict[str, Any]) -> tuple[str, str]:
    return todo["start_time"], todo["end_time"]


async def test_the_first_free_hour_is_found(call: Caller) -> None:
    # It is Friday, 09:02 in Berlin.
    await call("create_todo", item="Call", start_time="2026-11-20T09:30", end_time="2026-11-20T10:00")
    await call("create_todo", item="Done", start_time="2026-11-20T10:00", end_time="2026-11-20T18:00")

    half = await call("schedule_todo", item="Short", duration_minutes=25)
    hour = await call("schedule_todo", item="Long")

    assert times(half) == ("2026-11-20T09:05:00+01:00", "2026-11-20T09:30:00+01:00")
    assert times(hour) == ("2026-11-21T09:00:00+01:00", "2026-11-21T10:00:00+01:00")


async def test_what_is_done_or_cancelled_takes_no_time(call: Caller) -> None:
    for status in ("completed", "cancelled"):
        todo = await call("create_todo", item=status, start_time="2026-11-23T09:00", end_time="2026-11-23T18:00")
        await call("update_todo", todo_id=todo["todo_id"], status=status)

    placed = await call("schedule_todo", item="New", earliest="2026-11-23")

    assert placed["start_time"] == "2026-11-23T09:00:00+01:00"


async def test_a_todo_without_an_end_takes_half_an_hour(call: Caller) -> None:
    await call("create_todo", item="Milk", start_time="2026-11-23T08:45")

    placed = await call("schedule_todo", item="New", earliest="2026-11-23")

    assert placed["start_time"] == "2026-11-23T09:15:00+01:00"


async def test_a_todo_that_exists_keeps_its_length_and_may_overlap_its_old_place(call: Caller) -> None:
    todo = await call("create_todo", item="Talk", start_time="2026-11-23T09:00", end_time="2026-11-23T10:30")

    moved = await call("schedule_todo", todo_id=todo["todo_id"], start_time="2026-11-23T09:30")

    assert moved == {**todo, "start_time": "2026-11-23T09:30:00+01:00", "end_time": "2026-11-23T11:00:00+01:00"}


async def test_an_overlap_is_refused_and_named(call: Caller) -> None:
    await call("create_todo", item="Dentist", start_time="2026-11-23T09:00", end_time="2026-11-23T10:00")

    with pytest.raises(ScheduleConflict, match="Dentist") as refusal:
        await call("schedule_todo", item="Meeting", start_time="2026-11-23T09:59")
    after = await call("schedule_todo", item="Meeting", start_time="2026-11-23T10:00")

    assert refusal.value.context["conflicts"][0]["start_time"] == "2026-11-23T09:00+01:00"  # type: ignore[index]
    assert after["start_time"] == "2026-11-23T10:00:00+01:00"
    assert (await call("get_todo_list"))["total"] == 2


async def test_no_slot_is_said(call: Caller) -> None:
    await call("create_todo", item="All day", start_time="2026-11-23", end_time="2026-11-24")

    with pytest.raises(NoFreeSlot):
        await call("schedule_todo", item="X", earliest="2026-11-23", latest="2026-11-23")
    with pytest.raises(NoFreeSlot):
        await call("schedule_todo", item="X", duration_minutes=600, latest="2026-12-20")


@pytest.mark.parametrize(
    "wish",
    [
        {"latest": "2026-11-19"},
        {"earliest": "2026-11-24", "latest": "2026-11-23"},
        {"earliest": "soon"},
        {"day_start": "18:00", "day_end": "09:00"},
        {"day_start": "nine"},
        {"day_start": "09:00+01:00"},
        {"start_time": "1066-10-14T09:00"},
    ],
)
async def test_a_senseless_wish_is_refused(call: Caller, wish: dict[str, Any]) -> None:
    with pytest.raises(InvalidField):
        await call("schedule_todo", item="X", **wish)


async def test_ten_at_once_never_get_the_same_time(call: Caller) -> None:
    placed: list[tuple[str, str]] = []

    async def place(n: int) -> None:
        placed.append(times(await call("schedule_todo", item=f"{n}", duration_minutes=90)))

    async with anyio.create_task_group() as tasks:
        for n in range(10):
            tasks.start_soon(place, n)

    in_order = sorted((datetime.fromisoformat(start), datetime.fromisoformat(end)) for start, end in placed)
    assert all(end - start == timedelta(minutes=90) for start, end in in_order)
    assert all(before[1] <= after[0] for before, after in pairwise(in_order))


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("Europe/Berlin", "2026-03-29", "2026-03-29T09:00:00+02:00"),
        ("Europe/Berlin", "2026-03-28", "2026-03-28T09:00:00+01:00"),
        ("America/New_York", "2026-11-01", "2026-11-01T09:00:00-05:00"),
        ("America/New_York", "2026-10-31", "2026-10-31T09:00:00-04:00"),
    ],
)
async def test_working_hours_follow_the_clocks(db: Database, zone: str, day: str, first: str) -> None:
    call = await caller(db, zone, at=datetime.fromisoformat("2026-01-02T00:00:00+00:00"))

    placed = await call("schedule_todo", item="Breakfast", earliest=day)

    assert placed["start_time"] == first


async def test_a_batch_moves_all(call: Caller) -> None:
    one = await call("create_todo", item="One", start_time="2026-11-23T09:00", end_time="2026-11-23T10:00")
    two = await call("create_todo", item="Two", start_time="2026-11-23T10:00", end_time="2026-11-23T11:00")

    # They take each other's places.
    moved = await call(
        "batch_update_schedule",
        updates=[
            {"todo_id": one["todo_id"], "start_time": "2026-11-23T10:00"},
            {"todo_id": two["todo_id"], "start_time": "2026-11-23T08:30", "end_time": "2026-11-23T10:00"},
        ],
    )

    assert moved["updated"] == 2
    assert [times(todo) for todo in moved["todos"]] == [
        ("2026-11-23T10:00:00+01:00", "2026-11-23T11:00:00+01:00"),
        ("2026-11-23T08:30:00+01:00", "2026-11-23T10:00:00+01:00"),
    ]


async def test_a_batch_moves_all_or_none(call: Caller, db: Database) -> None:
    one = await call("create_todo", item="One", start_time="2026-11-23T09:00", end_time="2026-11-23T10:00")
    two = await call("create_todo", item="Two", start_time="2026-11-23T10:00", end_time="2026-11-23T11:00")
    await call("create_todo", item="Fixed", start_time="2026-11-23T14:00", end_time="2026-11-23T15:00")
    stranger = await (await caller(db))("create_todo", item="Not yours")
    before = await call("get_todo_list")
    good = {"todo_id": one["todo_id"], "start_time": "2026-11-24T09:00"}

    for bad, error in (
        ({"todo_id": str(uuid4()), "start_time": "2026-11-24T12:00"}, TodoNotFound),
        ({"todo_id": stranger["todo_id"], "start_time": "2026-11-24T12:00"}, TodoNotFound),
        ({"todo_id": two["todo_id"], "start_time": "2026-11-23T13:30"}, ScheduleConflict),
        ({"todo_id": two["todo_id"], "start_time": "2026-11-24T09:30"}, ScheduleConflict),
        ({"todo_id": one["todo_id"], "start_time": "2026-11-24T12:00"}, InvalidField),
        ({"todo_id": two["todo_id"], "start_time": "noon"}, InvalidField),
        ({"todo_id": two["todo_id"], "start_time": "2026-11-24T12", "end_time": "2026-11-24T11"}, InvalidField),
    ):
        for updates in ([good, bad], [bad, good]):
            with pytest.raises(error):
                await call("batch_update_schedule", updates=updates)
            assert await call("get_todo_list") == before


async def test_the_schedule_is_told_day_by_day(call: Caller) -> None:
    await call("create_todo", item="Call", start_time="2026-11-20T11:00", end_time="2026-11-20T12:00")
    await call("create_todo", item="Lunch", start_time="2026-11-20T11:30", end_time="2026-11-20T13:00")
    await call("create_todo", item="Night train", start_time="2026-11-20T23:00", end_time="2026-11-21T07:00")
    await call("create_todo", item="Some day")

    told = await call("analyze_schedule", days=2)

    friday, saturday = told["days"]
    assert (friday["date"], friday["weekday"], friday["busy_minutes"]) == ("2026-11-20", "Friday", 180)
    assert [todo["item"] for todo in friday["todos"]] == ["Call", "Lunch", "Night train"]
    # It is 09:02:30 now.
    assert [slot["start_time"] for slot in friday["free"]] == ["2026-11-20T09:02:30+01:00", "2026-11-20T13:00:00+01:00"]
    assert ([todo["item"] for todo in saturday["todos"]], saturday["busy_minutes"]) == (["Night train"], 420)
    assert [[todo["item"] for todo in pair] for pair in told["overlaps"]] == [["Call", "Lunch"]]
    assert (told["unscheduled"], told["time_zone"]) == (1, "Europe/Berlin")


async def test_a_long_look_ahead_has_a_limit(call: Caller) -> None:
    told = await call("analyze_schedule", first_day="2026-10-20", days=31)

    assert [day["date"] for day in told["days"]][-1] == "2026-11-19"
    with pytest.raises(InvalidField):
        await call("analyze_schedule", first_day="whenever")
