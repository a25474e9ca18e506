"""What a run freezes of an agent, and what holds when several requests change agents at once."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import anyio
import msgspec
import pytest

from app.domain.agents.errors import AgentNotFound, TooManyAgents
from app.domain.agents.schemas import AgentChanges, AgentSettings, DefinitionSet, NewAgent
from app.domain.agents.service import MAX_AGENTS, AgentService
from app.lib.db.engine import Database
from app.lib.errors import InvalidField
from tests.people import new_owner


@pytest.fixture
async def owner(db: Database) -> UUID:
    return await new_owner(db)


@pytest.fixture
async def second_node(database_url: str) -> AsyncIterator[Database]:
    node = Database(database_url)
    yield node
    await node.close()


async def make(db: Database, owner: UUID, name: str, *handoffs: str, **fields: Any) -> str:
    async with db.writing() as db_session:
        new = msgspec.convert({"name": name, "handoffs": handoffs, **fields}, NewAgent)
        return (await AgentService.open(db_session, owner).create(new)).id


async def definition(db: Database, owner: UUID, key: str) -> DefinitionSet:
    async with db.reading() as db_session:
        return await AgentService.open(db_session, owner).definition(key)


async def test_a_built_in_agent_stands_alone(db: Database, owner: UUID) -> None:
    found = await definition(db, owner, "todo")

    assert (found.root, [*found.agents]) == ("todo", ["todo"])
    assert "create_todo" in found.root_agent.tools


async def test_everyone_reachable_is_in_it_and_nobody_else(db: Database, owner: UUID) -> None:
    await make(db, owner, "unrelated")
    last = await make(db, owner, "last", "chat")
    middle = await make(db, owner, "middle", last, "todo")
    first = await make(db, owner, "first", middle, last)

    found = await definition(db, owner, first)

    assert found.root == first
    assert found.agents.keys() == {first, middle, last, "todo", "chat"}
    assert found.root_agent.handoffs == [middle, last]
    assert found.agents[last].handoffs == ["chat"]
    assert msgspec.json.decode(msgspec.json.encode(found), type=DefinitionSet) == found


async def test_whom_an_agent_asks_is_in_it_with_whom_that_one_reaches(db: Database, owner: UUID) -> None:
    deepest = await make(db, owner, "deepest", "chat")
    asked = await make(db, owner, "asked", agent_tools=[deepest])
    heir = await make(db, owner, "heir", agent_tools=["todo"])
    first = await make(db, owner, "first", heir, agent_tools=[asked], tools=["create_todo"], approve=["create_todo"])

    found = await definition(db, owner, first)

    assert found.agents.keys() == {first, heir, asked, deepest, "chat", "todo"}
    assert (found.root_agent.agent_tools, found.root_agent.approve) == ([asked], ["create_todo"])
    assert (found.agents[asked].agent_tools, found.agents[heir].agent_tools) == ([deepest], ["todo"])
    assert msgspec.json.decode(msgspec.json.encode(found), type=DefinitionSet) == found


def test_a_definition_of_an_earlier_release_can_still_be_read() -> None:
    stored = b'{"root": "chat", "agents": {"chat": {"name": "chat", "instructions": ""}}}'

    agent = msgspec.json.decode(stored, type=DefinitionSet).root_agent

    assert (agent.agent_tools, agent.approve) == ([], [])


async def test_agents_may_hand_off_in_circles(db: Database, owner: UUID) -> None:
    one = await make(db, owner, "one")
    two = await make(db, owner, "two", one)
    async with db.writing() as db_session:
        await AgentService.open(db_session, owner).change(one, AgentChanges(handoffs=[two]))

    found = await definition(db, owner, one)

    assert {key: agent.handoffs for key, agent in found.agents.items()} == {one: [two], two: [one]}


async def test_it_holds_the_settings_and_the_model(db: Database, owner: UUID) -> None:
    settings = AgentSettings(temperature=0.5, max_output_tokens=10)
    async with db.writing() as db_session:
        new = NewAgent(name="a", instructions="Be kind.", model="demo/todo", tools=["create_todo"], settings=settings)
        made = await AgentService.open(db_session, owner).create(new)

    agent = (await definition(db, owner, made.id)).root_agent

    assert (agent.id, agent.instructions, agent.model) == (made.id, "Be kind.", "demo/todo")
    assert (agent.tools, agent.settings) == (["create_todo"], settings)


async def test_what_nobody_has_is_not_found(db: Database, owner: UUID) -> None:
    theirs = await make(db, await new_owner(db), "theirs")

    for key in (theirs, str(uuid4()), "nope", "", "a\x00"):
        with pytest.raises(AgentNotFound):
            await definition(db, owner, key)


async def test_another_users_agent_is_no_handoff(db: Database, owner: UUID) -> None:
    theirs = await make(db, await new_owner(db), "theirs")

    with pytest.raises(InvalidField) as refused:
        await make(db, owner, "mine", "todo", theirs)

    assert refused.value.context["errors"] == [{"pointer": "/handoffs/1", "detail": refused.value.detail}]


async def test_a_deleted_agent_leaves_the_others_lists(db: Database, owner: UUID) -> None:
    target = await make(db, owner, "target")
    giver = await make(db, owner, "giver", "todo", target, agent_tools=[target, "chat"])

    async with db.writing() as db_session:
        await AgentService.open(db_session, owner).delete(target)

    async with db.reading() as db_session:
        left = await AgentService.open(db_session, owner).get(giver)
    assert (left.handoffs, left.agent_tools) == (["todo"], ["chat"])


async def test_two_requests_at_once_close_no_circle(db: Database, second_node: Database, owner: UUID) -> None:
    one, other = await make(db, owner, "one"), await make(db, owner, "other")
    refused: list[InvalidField] = []

    async def ask(node: Database, asker: str, asked: str) -> None:
        try:
            async with node.writing() as db_session:
                await AgentService.open(db_session, owner).change(asker, AgentChanges(agent_tools=[asked]))
        except InvalidField as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask, db, one, other)
        tasks.start_soon(ask, second_node, other, one)

    assert len(refused) == 1


async def test_requests_at_once_do_not_pass_the_limit(db: Database, second_node: Database, owner: UUID) -> None:
    async with db.writing() as db_session:
        agents = AgentService.open(db_session, owner)
        for number in range(MAX_AGENTS - 3):
            await agents.create(NewAgent(name=f"agent {number}"))
    refused: list[TooManyAgents] = []

    async def one_more(node: Database) -> None:
        try:
            await make(node, owner, "one more")
        except TooManyAgents as error:
            refused.append(error)

    async with anyio.create_task_group() as tasks:
        for node in [db, second_node] * 5:
            tasks.start_soon(one_more, node)

    async with db.reading() as db_session:
        own = [agent for agent in await AgentService.open(db_session, owner).all() if not agent.builtin]
    assert (len(own), len(refused)) == (MAX_AGENTS, 7)


async def test_a_handoff_to_an_agent_that_is_being_deleted_never_stays(
    db: Database, second_node: Database, owner: UUID
) -> None:
    target = await make(db, owner, "target")
    givers = [await make(db, owner, f"giver {number}") for number in range(4)]

    async def hand_off(giver: str) -> None:
        async with second_node.writing() as db_session:
            agents = AgentService.open(db_session, owner)
            try:
                await agents.change(giver, AgentChanges(handoffs=[target]))
            except InvalidField:
                return

    async def remove() -> None:
        async with db.writing() as db_session:
            await AgentService.open(db_session, owner).delete(target)

    async with anyio.create_task_group() as tasks:
        for giver in givers[:2]:
            tasks.start_soon(hand_off, giver)
        tasks.start_soon(remove)
        for giver in givers[2:]:
            tasks.start_soon(hand_off, giver)

    async with db.reading() as db_session:
        agents = AgentService.open(db_session, owner)
        assert [(await agents.get(giver)).handoffs for giver in givers] == [[]] * 4
