"""The database gives out in the middle of streams: nothing that was shown is gone, and all goes on by itself."""

import resource
import signal
from pathlib import Path
from random import Random

import anyio
import httpx
import pytest
from anyio import to_thread

from tests.chaos import Client, Fleet, Teller, check_transcript, environment, figure, fleet_of
from tests.postgres import postgres_server
from tests.servers import Nursery
from tests.streams import Received, read_all, said
from tests.wires.chat import ChatWire

pytestmark = pytest.mark.timeout(120)
CHAT = "/api/agents/chat/invoke"
LONG = [pytest.mark.soak, pytest.mark.timeout(240)]
LITTLE = 24 * 1024
"""Bytes that are left of the space for files."""


def clients_of(fleet: Fleet, http: httpx.AsyncClient, count: int) -> list[Client]:
    chance = Random(3)  # noqa: S311 - it shall be the same each time
    return [Client(fleet, http, f"run {number}", CHAT, chance) for number in range(count)]


async def refused(http: httpx.AsyncClient, url: str) -> list[str]:
    """Start runs until one is refused, as it has to be told. Returns those that were not."""
    started: list[str] = []
    while True:
        response = await http.post(url + CHAT, json=said("run 1000"), headers={"Prefer": "respond-async"})
        if response.status_code != 202:
            break
        started.append(response.json()["id"])
    assert response.status_code == 503, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["retryable"]) == ("unavailable", True)
    assert int(response.headers["retry-after"]) > 0
    return started


async def end_too(http: httpx.AsyncClient, url: str, started: list[str]) -> None:
    for run_id in started:
        async with http.stream("GET", f"{url}/api/runs/{run_id}/events") as response:
            assert (await read_all(response))[-1].event == "completed"


def check(clients: list[Client], shown: dict[str, list[Received]], teller: Teller) -> None:
    for client in clients:
        check_transcript(client.events, teller.said[client.name])
        assert client.events[: len(shown[client.name])] == shown[client.name]


@pytest.mark.parametrize("streams", [pytest.param(10, id="short"), pytest.param(50, id="long", marks=LONG)])
async def test_a_full_disk_is_waited_out(servers: Nursery, tmp_path: Path, chat_wire: ChatWire, streams: int) -> None:
    """No file may grow any more, which SQLite meets as it does a disk without space."""
    chat_wire.default = teller = Teller(words=60, gap=0.05)
    async with fleet_of("only", servers=servers, folder=tmp_path, settings=environment(chat_wire)) as (fleet, http):
        clients = clients_of(fleet, http, streams)
        url, pid = fleet.urls["only"], fleet.process("only").pid
        most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        async with anyio.create_task_group() as tasks:
            for client in clients:
                tasks.start_soon(client.run)
            await fleet.shows(streams * 8)
            wal = tmp_path / "only" / "headgate.db-wal"
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (wal.stat().st_size + LITTLE, most[1]))
            started = await refused(http, url)
            looked = await http.get(url + "/api/runs")
            shown = {client.name: [*client.events] for client in clients}
            ended = sum(client.ended_at > 0 for client in clients)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, most)
            back_at = anyio.current_time()
        await (later := Client(fleet, http, "run 2000", CHAT, Random(1))).run()  # noqa: S311 - as above
        await end_too(http, url, started)

    assert looked.status_code == 200
    assert ended < streams
    check([*clients, later], {**shown, later.name: []}, teller)
    figure(f"disk full under {streams} streams, space to the last end", later.started_at - back_at, "s")


@pytest.mark.parametrize("streams", [pytest.param(15, id="short"), pytest.param(50, id="long", marks=LONG)])
async def test_a_database_that_crashes_and_comes_back_is_waited_for(
    servers: Nursery, tmp_path: Path, chat_wire: ChatWire, streams: int
) -> None:
    chat_wire.default = teller = Teller(words=60, gap=0.05)
    with postgres_server(tmp_path / "postgres") as postgres:
        settings = environment(chat_wire, postgres.url("postgres"))
        async with fleet_of("first", "second", servers=servers, folder=tmp_path, settings=settings) as (fleet, http):
            clients = clients_of(fleet, http, streams)
            async with anyio.create_task_group() as tasks:
                for client in clients:
                    tasks.start_soon(client.run)
                await fleet.shows(streams * 8)
                await to_thread.run_sync(postgres.stop, signal.SIGQUIT)
                started = [run_id for url in fleet.urls.values() for run_id in await refused(http, url)]
                shown = {client.name: [*client.events] for client in clients}
                ended = sum(client.ended_at > 0 for client in clients)
                await to_thread.run_sync(postgres.start)
                back_at = anyio.current_time()
            await (later := Client(fleet, http, "run 2000", CHAT, Random(1))).run()  # noqa: S311 - as above
            await end_too(http, fleet.urls["first"], started)

    assert ended < streams
    check([*clients, later], {**shown, later.name: []}, teller)
    figure(f"database away under {streams} streams, its return to the last end", later.started_at - back_at, "s")
