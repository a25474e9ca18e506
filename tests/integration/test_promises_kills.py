"""Two nodes on one PostgreSQL, killed at any moment: no client loses an event, no tool works twice."""

from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from random import Random

import anyio
import httpx
import pytest

from tests.chaos import (
    LEASE_SECONDS,
    Client,
    Fleet,
    Teller,
    check_transcript,
    environment,
    everything,
    figure,
    fleet_of,
    standing,
)
from tests.servers import Nursery
from tests.wires.chat import ChatWire

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]
CHAT = "/api/agents/chat/invoke"
TODO = "/api/todos/agent-create/stream"
WIDTH = 5
"""Clients at once."""
SHORT = pytest.param(10, 3, range(20, 100), id="short")
LONG = pytest.param(200, 100, range(100, 400), id="long", marks=[pytest.mark.soak, pytest.mark.timeout(2400)])


@pytest.fixture
async def nodes(
    servers: Nursery, tmp_path: Path, database_url: str, chat_wire: ChatWire
) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    settings = environment(chat_wire, database_url)
    async with fleet_of("first", "second", servers=servers, folder=tmp_path, settings=settings) as made:
        yield made


async def kept_killing(
    fleet: Fleet, http: httpx.AsyncClient, path: str, streams: int, kills: int, between: range
) -> list[Client]:
    """Clients, at least so many, while the nodes are killed so often; both may be dead at once.

    `between` says after how many events: enough for most runs to end, since one that kills ten processes is given up.
    """
    chance = Random(7)  # noqa: S311 - it shall be the same each time
    clients: list[Client] = []
    numbers, left = count(), [kills]

    async def kill(node: str) -> None:
        while left[0] > 0:
            left[0] -= 1
            await fleet.shows(chance.choice(between))
            await anyio.sleep(chance.random() / 20)  # not always as an event arrives
            await fleet.kill(node)
            await fleet.start(node)

    async def follow() -> None:
        while (number := next(numbers)) < streams or len(fleet.kills) < kills:
            clients.append(Client(fleet, http, f"run {number}", path, chance))
            await clients[-1].run()

    async with anyio.create_task_group() as tasks:
        for _ in range(WIDTH):
            tasks.start_soon(follow)
        for node in list(fleet.urls):
            tasks.start_soon(kill, node)
    assert len(fleet.kills) == kills
    figure(f"streams over {kills} kills", len(clients), "")
    figure("events", sum(len(client.events) for client in clients), "shown")
    figure("taken back", sum(one.event == "superseded" for c in clients for one in c.events), "answers")
    figure("longest from a kill to an end", max(client.stranded() for client in clients), "s")
    return clients


@pytest.mark.parametrize(("streams", "kills", "between"), [SHORT, LONG])
async def test_killed_nodes_cost_no_client_an_event(
    nodes: tuple[Fleet, httpx.AsyncClient], chat_wire: ChatWire, streams: int, kills: int, between: range
) -> None:
    chat_wire.default = teller = Teller(words=15, gap=0.02)

    clients = await kept_killing(*nodes, CHAT, streams, kills, between)

    for client in clients:
        check_transcript(client.events, teller.said[client.name])
        assert client.stranded() < LEASE_SECONDS + 10
    assert len({client.where for client in clients}) == len(clients)


@pytest.mark.parametrize(("streams", "kills", "between"), [SHORT, LONG])
async def test_killed_nodes_leave_exactly_the_todos_that_were_asked_for(
    nodes: tuple[Fleet, httpx.AsyncClient], chat_wire: ChatWire, streams: int, kills: int, between: range
) -> None:
    chat_wire.default = teller = Teller(words=5, gap=0.02, todos=2)

    fleet, http = nodes
    clients = await kept_killing(fleet, http, TODO, streams, kills, between)

    todos = await everything(http, next(iter(fleet.urls.values())) + "/api/todos")
    assert sorted(todo["item"] for todo in todos) == sorted(f"{c.name} todo {n}" for c in clients for n in range(2))
    for client in clients:
        check_transcript(client.events, teller.said[client.name], answers=3)
        results = [one.data for one in standing(client.events) if one.event == "tool_result"]
        assert [result["is_error"] for result in results] == [False, False]
        assert len([one for one in client.events if one.event == "tool_result"]) == 2
        assert client.stranded() < LEASE_SECONDS + 10
