"""The tools of the todo agent, down to the rows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import anyio
import msgspec
import pytest
from sqlalchemy import delete, func, select
from sqlalchemy.exc import IntegrityError

from app.domain.accounts.models import UserAccount
from app.domain.agents.context import CallPosition, RunContext
from app.domain.agents.tools.catalog import TOOLS
from app.domain.agents.tools.errors import ToolCallMismatch, ToolInputInvalid
from app.domain.agents.tools.models import ToolEffect
from app.domain.runs.models import Run
from app.domain.todos.errors import TodoNotFound
from app.domain.todos.models import Tag, Todo
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.errors import InvalidField
from tests.tool_calls import NOW, QUOTA, Caller, caller


@pytest.fixture
async def call(db: Database) -> Caller:
    return await caller(db)


async def rows(db: Database, model: type[Any] = Todo) -> int:
    async with db.reading() as db_session:
        return await db_session.scalar(select(func.count()).select_from(model)) or 0


async def test_create_todo_answers_with_the_todo(call: Caller) -> None:
    made = await call("create_todo", item="  Meeting  with Ada ", start_time="2026-11-21T09:00", tags=["Work", "work"])

    assert UUID(made.pop("todo_id"))
    assert made == {
        "item": "Meeting with Ada",
        "description": None,
        "status": "pending",
        "importance": "medium",
        "start_time": "2026-11-21T09:00:00+01:00",
        "end_time": None,
        "tags": ["work"],
    }


async def test_a_bare_date_as_an_end_is_the_end_of_that_day(call: Caller) -> None:
    made = await call("create_todo", item="Taxes", end_time="2026-11-27")
    friday = await call("get_todo_list", **{"from": "2026-11-27", "to": "2026-11-27"})

    assert made["end_time"] == "2026-11-27T23:59:00+01:00"
    assert [todo["item"] for todo in friday["todos"]] == ["Taxes"]


async def test_update_changes_only_what_is_given(call: Caller) -> None:
    made = await call("create_todo", item="Dentist", description="Bring the card", importance="high", tags=["health"])

    changed = await call("update_todo", todo_id=made["todo_id"], status="completed", item=None)

    assert changed == {**made, "status": "completed"}


async def test_a_new_start_moves_the_end_along(call: Caller) -> None:
    made = await call("create_todo", item="Dentist", start_time="2026-11-23T09:00", end_time="2026-11-23T09:45")

    moved = await call("update_todo", todo_id=made["todo_id"], start_time="2026-11-23T15:00")

    assert (moved["start_time"], moved["end_time"]) == ("2026-11-23T15:00:00+01:00", "2026-11-23T15:45:00+01:00")


async def test_clearing_takes_away(call: Caller) -> None:
    made = await call("create_todo", item="X", description="d", start_time="2026-11-23T09:00", tags=["a", "b"])

    cleared = await call("update_todo", todo_id=made["todo_id"], clear=["description", "start_time"], tags=[])

    assert (cleared["description"], cleared["start_time"], cleared["tags"]) == (None, None, [])


async def test_delete_says_what_it_was(call: Caller, db: Database) -> None:
    made = await call("create_todo", item="Old", tags=["a"])

    gone = await call("delete_todo", todo_id=made["todo_id"])

    assert gone == {**made, "deleted": True}
    assert await rows(db) == 0
    with pytest.raises(TodoNotFound):
        await call("delete_todo", todo_id=made["todo_id"])


async def test_search_finds_words_in_any_case_and_order(call: Caller) -> None:
    for item in ("Überweisung an Café", "100% sure_thing", "Milk", "Kaufe 50 Äpfel"):
        await call("create_todo", item=item)

    for query, found in {
        "café ÜBERWEISUNG": ["Überweisung an Café"],
        "cafe\u0301": ["Überweisung an Café"],
        "äPFEL": ["Kaufe 50 Äpfel"],
        "%": ["100% sure_thing"],
        "sure_": ["100% sure_thing"],
        "sure-": [],
        "m i": ["Milk"],
    }.items():
        answer = await call("search_todos", query=query)
        assert [todo["item"] for todo in answer["todos"]] == found, query


async def test_the_list_is_narrowed_and_paged(call: Caller) -> None:
    for day in (3, 1, 2):
        await call("create_todo", item=f"day {day}", start_time=f"2026-12-0{day}T10:00", tags=["Trip"])
    await call("create_todo", item="some day", importance="low")

    every = await call("get_todo_list")
    from_second = await call(
        "get_todo_list", **{"from": "2026-12-02", "tag": "TRIP", "limit": "1", "status": "pending"}
    )
    low = await call("get_todo_list", importance="low")

    assert [todo["item"] for todo in every["todos"]] == ["day 1", "day 2", "day 3", "some day"]
    assert [todo["item"] for todo in from_second["todos"]] == ["day 2"]
    assert from_second["total"] == 2
    assert low["total"] == 1


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
async def test_a_day_in_a_list_is_the_users_day(db: Database, zone: str) -> None:
    call = await caller(db, zone)
    for start in ("2026-10-24T23:59", "2026-10-25T00:00", "2026-10-25T23:59", "2026-10-26T00:00"):
        await call("create_todo", item=start, start_time=start)

    day = await call("get_todo_list", **{"from": "2026-10-25", "to": "2026-10-25"})

    assert [todo["item"] for todo in day["todos"]] == ["2026-10-25T00:00", "2026-10-25T23:59"]


@pytest.mark.parametrize(
    ("zone", "written", "told"),
    [
        ("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T03:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
        ("Europe/Berlin", "2026-10-25T02:30+01:00", "2026-10-25T02:30:00+01:00"),
        ("America/New_York", "2026-03-08T02:30", "2026-03-08T03:30:00-04:00"),
        ("America/New_York", "2026-11-01T01:30-05:00", "2026-11-01T01:30:00-05:00"),
    ],
)
async def test_times_around_a_clock_change(db: Database, zone: str, written: str, told: str) -> None:
    call = await caller(db, zone)

    made = await call("create_todo", item="At night", start_time=written)

    assert made["start_time"] == told


async def test_the_date_is_the_users_date(db: Database) -> None:
    late = datetime(2026, 11, 1, 5, 30, tzinfo=UTC)

    here = await (await caller(db, "America/New_York", late))("get_user_datetime")
    there = await (await caller(db, "Pacific/Auckland", late))("get_user_datetime")

    assert here["datetime"] == "2026-11-01T01:30:00-04:00"
    assert (here["weekday"], here["time"], here["utc_offset"]) == ("Sunday", "01:30", "-04:00")
    assert here["next_days"]["Monday"] == "2026-11-02"
    assert there["datetime"] == "2026-11-01T18:30:00+13:00"
    assert there["time_zone"] == "Pacific/Auckland"


async def test_the_quota_is_told_as_the_run_counts_it(call: Caller) -> None:
    assert await call("get_user_quota") == msgspec.to_builtins(QUOTA)


BAD_ARGUMENTS: list[tuple[str, dict[str, Any] | bytes, str]] = [
    ("create_todo", {}, "item"),
    ("create_todo", {"item": None}, "item"),
    ("create_todo", {"item": "x" * 201}, "200"),
    ("create_todo", {"item": "x", "importance": "huge"}, "importance"),
    ("create_todo", {"item": "x", "owner_id": str(uuid4())}, "owner_id"),
    ("create_todo", {"item": "x", "tags": "home"}, "tags"),
    ("delete_todo", {"todo_id": "the milk one"}, "todo_id"),
    ("get_todo_list", {"limit": 0}, "limit"),
    ("schedule_todo", {}, "todo_id"),
    ("schedule_todo", {"todo_id": str(uuid4()), "item": "x"}, "todo_id"),
    ("batch_update_schedule", {"updates": []}, "updates"),
    ("create_todo", b"{", "JSON"),
    ("create_todo", b"[1]", "JSON"),
    ("create_todo", b'{"item": "\xff"}', "JSON"),
    ("create_todo", b'{"item": "\\ud800"}', "JSON"),
    ("create_todo", b"[" * 100_000, "JSON"),
]


async def test_bad_arguments_are_told_to_the_model(call: Caller, db: Database) -> None:
    for tool, arguments, hint in BAD_ARGUMENTS:
        with pytest.raises(ToolInputInvalid) as refusal:
            await TOOLS[tool].invoke(call.context, call.position(), arguments)

        assert hint in refusal.value.detail
    assert await rows(db, ToolEffect) == 0


UNSTORABLE: list[dict[str, Any]] = [
    {"item": "x\x00y"},
    {"item": "\ud83d"},
    {"item": "   "},
    {"item": "x", "description": "\x00"},
    {"item": "x", "tags": ["\x00"]},
    {"item": "x", "tags": [" "]},
    {"item": "x", "start_time": "next week"},
    {"item": "x", "start_time": "9999-12-31T23:59:59-12:00"},
    {"item": "x", "start_time": "2026-11-23T10:00", "end_time": "2026-11-23T10:00"},
]


async def test_what_cannot_be_stored_is_refused(call: Caller, db: Database) -> None:
    for arguments in UNSTORABLE:
        with pytest.raises(InvalidField):
            await call("create_todo", **arguments)

    assert await rows(db) == await rows(db, Tag) == await rows(db, ToolEffect) == 0


async def test_models_may_be_sloppy(call: Caller) -> None:
    made = await TOOLS["create_todo"].invoke(
        call.context, call.position(), b' {"item": "Null", "tags": null, "importance": null, "end_time": null} '
    )
    clock = await TOOLS["get_user_datetime"].invoke(call.context, call.position(), b"")

    assert (made["item"], made["importance"], made["tags"]) == ("Null", "medium", [])
    assert clock["date"] == "2026-11-20"


async def effects(call: Caller) -> list[tuple[str, dict[str, Any]]]:
    """One call of each tool that changes something."""
    todo = await call("create_todo", item="There", start_time="2026-11-23T09:00", end_time="2026-11-23T10:00")
    other = await call("create_todo", item="Also there")
    return [
        ("create_todo", {"item": "New", "tags": ["a"]}),
        ("update_todo", {"todo_id": todo["todo_id"], "start_time": "2026-11-24T09:00", "tags": ["b"]}),
        ("delete_todo", {"todo_id": other["todo_id"]}),
        ("schedule_todo", {"item": "Newer", "earliest": "2026-11-25"}),
        ("batch_update_schedule", {"updates": [{"todo_id": todo["todo_id"], "start_time": "2026-11-26T09:00"}]}),
    ]


async def test_every_effect_is_tested_here(call: Caller) -> None:
    assert {tool for tool, _ in await effects(call)} == {name for name, tool in TOOLS.items() if tool.effect}


async def test_an_effect_happens_once_for_a_position(call: Caller, db: Database) -> None:
    for tool, arguments in await effects(call):
        position = call.position()
        first = await call.at(position, tool, **arguments)
        before = await everything(db)

        again = await call.at(position, tool, **arguments)

        assert msgspec.json.encode(again) == msgspec.json.encode(first), tool
        assert await everything(db) == before, tool


async def test_calls_at_the_same_position_at_the_same_time_have_one_effect(
    call: Caller, db: Database, database_url: str
) -> None:
    second_node = Database(database_url)
    other = Caller(second_node, call.context.owner_id, call.context.run_id)
    for tool, arguments in await effects(call):
        position, before = call.position(), await rows(db)
        results: list[dict[str, Any]] = []

        async def once(where: Caller, position: CallPosition, tool: str, arguments: dict[str, Any]) -> None:
            results.append(await where.at(position, tool, **arguments))  # noqa: B023 - awaited within the loop

        async with anyio.create_task_group() as tasks:
            for where in (call, other) * 4:
                tasks.start_soon(once, where, position, tool, arguments)

        assert len({msgspec.json.encode(result) for result in results}) == 1, tool
        assert await rows(db) - before == {"create_todo": 1, "schedule_todo": 1, "delete_todo": -1}.get(tool, 0)
    await second_node.close()


async def test_another_position_is_another_effect(call: Caller, db: Database) -> None:
    for position in (
        CallPosition("", 1, 0),
        CallPosition("", 1, 1),
        CallPosition("", 2, 0),
        CallPosition("helper", 1, 0),
    ):
        await call.at(position, "create_todo", item="Again")
    another = await caller(db, owner=call.context.owner_id)
    await another.at(CallPosition("", 1, 0), "create_todo", item="Again")

    assert await rows(db) == 5


async def test_a_run_that_was_deleted_has_no_effect_any_more(call: Caller, db: Database) -> None:
    await call("create_todo", item="While it was there")
    async with db.writing() as db_session:
        await db_session.execute(delete(Run).where(Run.id == call.context.run_id))

    with pytest.raises(IntegrityError):
        await call("create_todo", item="Too late")

    assert (await rows(db), await rows(db, ToolEffect)) == (1, 0)


async def test_what_was_refused_is_tried_again(call: Caller, db: Database) -> None:
    position = call.position()
    with pytest.raises(InvalidField):
        await call.at(position, "create_todo", item="X", start_time="2026-11-23T10:00", end_time="2026-11-23T09:00")

    made = await call.at(position, "create_todo", item="X", start_time="2026-11-23T10:00", end_time="2026-11-23T11:00")

    assert made["item"] == "X"
    assert await rows(db) == 1


async def test_a_position_answers_only_for_its_own_call(call: Caller, db: Database) -> None:
    position = call.position()
    await call.at(position, "create_todo", item="Mine")
    stranger = await caller(db)
    context = RunContext(call.context.run_id, stranger.context.owner_id, db, FixedClock(NOW), call.context.quota)

    with pytest.raises(ToolCallMismatch):
        await call.at(position, "schedule_todo", item="Mine")
    with pytest.raises(ToolCallMismatch):
        await TOOLS["create_todo"].invoke(context, position, {"item": "Theirs"})

    assert await rows(db) == 1


async def test_deleting_the_user_deletes_what_they_had(call: Caller, db: Database) -> None:
    await call("create_todo", item="X", tags=["a"])

    async with db.writing() as db_session:
        await db_session.delete(await db_session.get_one(UserAccount, call.context.owner_id))

    assert await rows(db) == await rows(db, Tag) == await rows(db, ToolEffect) == 0


@pytest.mark.timeout(60)
async def test_fifty_users_at_once_never_touch_each_others_rows(db: Database) -> None:
    callers = [await caller(db) for _ in range(50)]
    seen: dict[UUID, list[list[dict[str, Any]]]] = {}

    async def work(call: Caller, n: int) -> None:
        made = [await call("create_todo", item=f"{n}/{k}", tags=["home"]) for k in range(3)]
        await call("update_todo", todo_id=made[0]["todo_id"], item=f"{n}/0 changed", start_time="2026-11-23T09:00")
        await call("delete_todo", todo_id=made[1]["todo_id"])
        await call("schedule_todo", todo_id=made[2]["todo_id"], start_time="2026-11-24T09:00")
        stranger = callers[(n + 1) % len(callers)]
        for tool in ("update_todo", "delete_todo", "schedule_todo"):
            with pytest.raises(TodoNotFound):
                await stranger(tool, todo_id=made[0]["todo_id"])
        found = (
            await call("get_todo_list"),
            await call("search_todos", query="/"),
            await call("get_todo_list", tag="HOME"),
        )
        seen[call.context.owner_id] = [answer["todos"] for answer in found]

    async with anyio.create_task_group() as tasks:
        for n, call in enumerate(callers):
            tasks.start_soon(work, call, n)

    for n, call in enumerate(callers):
        for todos in seen[call.context.owner_id]:
            assert [todo["item"] for todo in todos] == [f"{n}/0 changed", f"{n}/2"]
    assert await rows(db) == 100
    assert await rows(db, Tag) == 50


async def everything(db: Database) -> list[Any]:
    async with db.reading() as db_session:
        todos = await db_session.scalars(select(Todo).order_by(Todo.id))
        return [(t.id, t.item, t.start_time, t.end_time, t.updated_at, [tag.name for tag in t.tags]) for t in todos]
