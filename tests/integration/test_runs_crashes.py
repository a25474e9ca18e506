"""Runs whose process dies: at every write there is, and then another one goes on."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select, update

from app.domain.agents.schemas import NewAgent
from app.domain.agents.service import AgentService
from app.domain.agents.tools.catalog import TOOLS
from app.domain.runs import assembly
from app.domain.runs.attempt import Attempt
from app.domain.runs.durable import durable_tool
from app.domain.runs.execute import MAX_CRASHES, Outcome
from app.domain.runs.models import Run, RunQuestion
from app.domain.runs.repository import ControlRepository
from app.domain.todos.models import Todo
from app.lib.db.engine import Database
from app.lib.runlog.frames import parse, split
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.tables import RunHead
from tests.people import new_owner
from tests.processes import Machine, machine
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Call, Script, answer

pytestmark = pytest.mark.timeout(60)
Event = tuple[int, str, dict[str, Any]]


async def events_of(db: Database, run_id: UUID) -> list[Event]:
    batches = await DatabaseReader(db).read(run_id, 0, 10_000_000)
    frames = [parse(one) for batch in batches for one in split(batch.frames)]
    return [(seq, name.decode(), msgspec.json.decode(data)) for seq, name, data in frames]


def standing(events: list[Event]) -> list[tuple[str, dict[str, Any]]]:
    """What a client shows in the end: without what was superseded, the deltas of a message as one."""
    kept: list[Event] = []
    for event in events:
        if event[1] == "superseded":
            kept = [one for one in kept if one[0] < event[2]["from_seq"]]
        else:
            kept.append(event)
    told: list[tuple[str, dict[str, Any]]] = []
    for _, name, data in kept:
        if name == "message_delta" and told and told[-1][0] == "message_delta":
            told[-1] = (name, {"content": told[-1][1]["content"] + data["content"]})
        else:
            told.append((name, data))
    return told


def shape(events: list[Event]) -> list[tuple[str, Any]]:
    """What stays the same from run to run: no ids, no times."""
    shown: list[tuple[str, Any]] = []
    for name, data in standing(events):
        match name:
            case "message" | "message_delta":
                shown.append((name, data["content"]))
            case "tool_call":
                shown.append((name, (data["tool_name"], sorted(data["arguments"].items()))))
            case "tool_result":
                shown.append((name, (data["tool_name"], data["is_error"])))
            case "agent_updated":
                shown.append((name, data["name"]))
            case "completed":
                shown.append((name, (data["final_message"], data["usage"])))
            case _:
                shown.append((name, None))
    # Parallel tools finish in any order.
    first = next((n for n, (name, _) in enumerate(shown) if name == "tool_result"), None)
    if first is not None:
        last = first
        while shown[last][0] == "tool_result":
            last += 1
        shown[first:last] = sorted(shown[first:last], key=str)
    return shown


def results(seen: Seen) -> int:
    return sum(message["role"] == "tool" for message in seen.messages)


def todo(name: str, number: str = "call_1") -> Call:
    return Call("create_todo", {"item": name}, id=number)


def plain(_: Seen) -> Script:
    return answer("One ", 0.03, "two ", 0.03, "three ", 0.03, "four.")


def one_tool(seen: Seen) -> Script:
    if results(seen) == 0:
        return answer("Let me ", 0.03, "see. ", todo("milk"))
    return answer("It is ", 0.03, "done.")


def a_tool_twice_by_the_same_id(seen: Seen) -> Script:
    if results(seen) < 2:
        return answer(todo(f"milk {results(seen)}", "same"))
    return answer("Both ", 0.03, "are there.")


def parallel_tools(seen: Seen) -> Script:
    if results(seen) == 0:
        return answer(todo("milk", "a"), todo("bread", "b"), Call("get_todo_list", {}, id="c"))
    return answer("All ", 0.03, "are there.")


def a_handoff(seen: Seen) -> Script:
    if "You are the second." not in seen.messages[0]["content"]:
        return answer("Over ", 0.03, "to him. ", Call("transfer_to_second", {}))
    if results(seen) == 1:
        return answer("I am ", 0.03, "here. ", todo("milk"))
    return answer("It is ", 0.03, "done.")


def an_agent_used_as_a_tool(seen: Seen) -> Script:
    if "You are the second." in seen.messages[0]["content"]:
        return answer("inner ", 0.03, "words ", todo("milk")) if results(seen) == 0 else answer("It is ", 0.03, "kept.")
    if results(seen) == 0:
        return answer("I ask. ", Call("ask_second", {"input": "Keep milk"}))
    return answer("He says ", 0.03, "yes.")


def a_tool_that_does_not_exist(seen: Seen) -> Script:
    if results(seen) == 0:
        return answer(Call("fly", {"to": "the moon"}))
    return answer("I ", 0.03, "cannot.")


SCENES: list[tuple[Callable[[Seen], Script], int]] = [
    (plain, 0),
    (one_tool, 1),
    (a_tool_twice_by_the_same_id, 2),
    (parallel_tools, 2),
    (a_handoff, 1),
    (an_agent_used_as_a_tool, 1),
    (a_tool_that_does_not_exist, 0),
]


async def an_agent(db: Database, owner: UUID) -> str:
    """It may call tools, hand over to a second one, and ask that one."""
    async with db.writing() as db_session:
        agents = AgentService.open(db_session, owner)
        second = await agents.create(NewAgent(name="second", instructions="You are the second.", tools=["create_todo"]))
        first = await agents.create(
            NewAgent(
                name="first",
                instructions="You are the first.",
                tools=["create_todo", "get_todo_list"],
                handoffs=[second.id],
                agent_tools=[second.id],
            )
        )
    return first.id


async def todos_of(db: Database, owner: UUID) -> int:
    async with db.reading() as db_session:
        return await db_session.scalar(select(func.count()).select_from(Todo).where(Todo.owner_id == owner)) or 0


async def died_and_went_on(
    m: Machine, wire: ChatWire, scene: Callable[[Seen], Script], dies_at: list[int], *, after: bool = False
) -> Any:
    """The run's events and todos after its processes have died at those writes; None where one was too late to."""
    owner = await new_owner(m.db)
    agent = await an_agent(m.db, owner)
    wire.default = scene
    claim = await m.start(owner, agent, "go")
    run_id = claim.run.id
    first: Any = claim
    for at in dies_at:
        outcome, _ = await m.process(run_id, first, dies_at=at, after=after)
        first = None
        if outcome is not None:
            return None
    outcome, _ = await m.process(run_id, first)
    assert outcome is Outcome.ENDED
    return await events_of(m.db, run_id), await todos_of(m.db, owner), run_id


@pytest.mark.parametrize("after", [False, True], ids=["unstored", "stored"])
@pytest.mark.parametrize(("scene", "todos"), SCENES, ids=lambda value: getattr(value, "__name__", ""))
async def test_a_run_that_dies_at_any_write_goes_on_and_tells_the_same(
    db: Database, chat_wire: ChatWire, scene: Callable[[Seen], Script], todos: int, *, after: bool
) -> None:
    async with machine(db, chat_wire) as m:
        whole, made, _ = await died_and_went_on(m, chat_wire, scene, [])
        assert made == todos
        asked = len(chat_wire.requests)

        at = 0
        while True:
            at += 1
            chat_wire.requests.clear()
            went_on = await died_and_went_on(m, chat_wire, scene, [at], after=after)
            if went_on is None:
                break
            events, made, run_id = went_on
            assert shape(events) == shape(whole), at
            assert [seq for seq, _, _ in events] == list(range(1, len(events) + 1))
            assert made == todos, at
            assert sum(name == "superseded" for _, name, _ in events) <= 1
            # What was answered and stored is not asked again.
            assert len(chat_wire.requests) <= asked + 1
            async with db.reading() as db_session:
                head = await db_session.get_one(RunHead, run_id)
                run = await db_session.get_one(Run, run_id)
            assert (head.attempt, head.crashes, run.state) == (2, 1, "completed")
    assert at > 2


async def test_a_run_that_dies_again_and_again_goes_on_each_time(db: Database, chat_wire: ChatWire) -> None:
    async with machine(db, chat_wire) as m:
        whole, _, _ = await died_and_went_on(m, chat_wire, a_handoff, [])
        events, made, _ = await died_and_went_on(m, chat_wire, a_handoff, [3, 2, 2, 3])

    assert shape(events) == shape(whole)
    assert made == 1


@pytest.fixture
def unrepeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    tool = durable_tool(replace(TOOLS["create_todo"], repeatable=False))
    monkeypatch.setitem(assembly._TOOLS, "create_todo", tool)


async def asked_after_a_crash(m: Machine, wire: ChatWire) -> tuple[UUID, UUID, Event]:
    """A run that died between its tool's effect and what the tool answered, and now asks its user."""
    owner = await new_owner(m.db)
    agent = await an_agent(m.db, owner)
    wire.default = one_tool
    claim = await m.start(owner, agent, "go")
    await m.process(claim.run.id, claim, dies_at="tool")
    assert await todos_of(m.db, owner) == 1
    outcome, _ = await m.process(claim.run.id)
    assert outcome is Outcome.PARKED
    return owner, claim.run.id, (await events_of(m.db, claim.run.id))[-1]


async def answered(m: Machine, run_id: UUID, content: str) -> None:
    async with m.db.writing() as db_session:
        control = ControlRepository(db_session)
        question = (await control.questions(run_id))[0]
        await control.answer(run_id, question.id, question.kind, {"content": content}, still_open=True)
        assert await control.unpark_answered(run_id)


@pytest.mark.usefixtures("unrepeatable")
async def test_a_tool_that_must_not_be_repeated_is_asked_about_after_a_crash(db: Database, chat_wire: ChatWire) -> None:
    async with machine(db, chat_wire) as m:
        owner, run_id, (_, name, asked) = await asked_after_a_crash(m, chat_wire)
        assert name == "input_requested"
        assert "create_todo" in asked["prompt"]
        await answered(m, run_id, "It is there.")
        outcome, _ = await m.process(run_id)
        events = await events_of(db, run_id)

    result = next(data for _, name, data in events if name == "tool_result")
    assert outcome is Outcome.ENDED
    assert (result["is_error"], result["output"]["error"]) == (True, "outcome_unknown")
    assert result["output"]["user_says"] == "It is there."
    assert await todos_of(db, owner) == 1


@pytest.mark.usefixtures("unrepeatable")
async def test_a_tool_that_must_not_be_repeated_is_when_the_user_wants_it(db: Database, chat_wire: ChatWire) -> None:
    async with machine(db, chat_wire) as m:
        _, run_id, _ = await asked_after_a_crash(m, chat_wire)
        await answered(m, run_id, "Repeat ")
        await m.process(run_id)
        events = await events_of(db, run_id)

    assert next(data for _, name, data in events if name == "tool_result")["is_error"] is False
    assert events[-1][1] == "completed"
    async with db.reading() as db_session:
        assert await db_session.scalar(select(func.count()).select_from(RunQuestion)) == 1


async def test_a_run_that_kills_every_process_is_given_up(db: Database, chat_wire: ChatWire) -> None:
    chat_wire.default = plain
    async with machine(db, chat_wire) as m:
        claim = await m.start(await new_owner(db), "chat", "go")
        run_id = claim.run.id
        await m.process(run_id, claim, dies_at=2)
        async with db.writing() as db_session:
            await db_session.execute(update(RunHead).where(RunHead.run_id == run_id).values(crashes=MAX_CRASHES))
        outcome, _ = await m.process(run_id)
        events = await events_of(db, run_id)

    assert outcome is Outcome.ENDED
    assert (events[-1][1], events[-1][2]["code"]) == ("error", "run_interrupted")
    shown = "".join(data["content"] for _, name, data in events if name == "message_delta")
    assert events[-1][2]["partial_message"] == shown


async def test_an_end_that_the_database_refuses_is_written_bare(
    db: Database, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat_wire.default = plain
    async with machine(db, chat_wire) as m:
        claim = await m.start(await new_owner(db), "chat", "go")
        monkeypatch.setattr(Attempt, "finished_items", lambda _: [{"type": "message", "role": object()}])
        outcome, _ = await m.process(claim.run.id, claim)
        events = await events_of(db, claim.run.id)

    assert outcome is Outcome.ENDED
    assert (events[-1][1], events[-1][2]["code"]) == ("error", "internal")
