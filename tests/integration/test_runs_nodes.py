"""Two nodes on one PostgreSQL: what is executed on one is followed and stopped on the other."""

import math
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis
from sqlalchemy import event, func, select

from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.lib.runlog.tables import RunLogRow
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.sockets import socket_of
from tests.streams import Received, events_of, said
from tests.valkey import ValkeyServer, valkey_server
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("database_url", ["postgres"], indirect=True)]
CHAT = "/api/agents/chat/invoke"
WORDS = 60
GAP = 0.03


@dataclass
class Pair:
    """One user's clients of two nodes."""

    here: httpx.AsyncClient
    there: httpx.AsyncClient
    servers: tuple[LiveServer, LiveServer]


@dataclass
class Watched:
    """A stream, with when each event came."""

    events: list[Received] = field(default_factory=list)
    at: dict[int, float] = field(default_factory=dict)

    def note(self, event: Received) -> None:
        self.events.append(event)
        if event.id is not None:
            self.at[event.id] = anyio.current_time()

    @property
    def longest_silence(self) -> float:
        times = [*self.at.values()]
        return max((later - earlier for earlier, later in pairwise(times)), default=math.inf)


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    with valkey_server(tmp_path) as server:
        yield server


@pytest.fixture(params=["valkey", "postgres"])
def linked(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Of nodes that reach each other through one or the other."""
    if request.param == "postgres":
        return settings
    return over(settings, request.getfixturevalue("valkey"))


def over(settings: Settings, valkey: ValkeyServer) -> Settings:
    return settings.model_copy(update={"redis_url": SecretStr(valkey.url)})


@asynccontextmanager
async def pair(settings: Settings, wire: ChatWire) -> AsyncIterator[Pair]:
    own = Credential(provider="openai", base_url=wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})

    def node() -> Any:
        return live_server(settings, registry=Registry({"openai": own}))

    account = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ada"}
    async with (
        node() as first,
        node() as second,
        httpx.AsyncClient(base_url=first.url, timeout=20) as here,
        httpx.AsyncClient(base_url=second.url, timeout=20) as there,
    ):
        (await here.post("/api/access/signup", json=account)).raise_for_status()
        token = (await here.post("/api/access/login", json=account)).json()["access_token"]
        here.headers["Authorization"] = there.headers["Authorization"] = f"Bearer {token}"
        yield Pair(here, there, (first, second))


async def started(client: httpx.AsyncClient) -> str:
    response = await client.post(CHAT, json=said("go"), headers={"Prefer": "respond-async"})
    assert response.status_code == 202, response.text
    return str(response.json()["id"])


async def watch(
    client: httpx.AsyncClient, run_id: str, watched: Watched, *, then: Callable[[int], Any] | None = None
) -> None:
    """Follow to the end; `then` is called with the number of each event."""
    async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
        assert response.status_code == 200, await response.aread()
        async for received in events_of(response):
            watched.note(received)
            if then is not None and received.id is not None:
                then(received.id)


def complete(watched: Watched) -> bool:
    ids = [event.id for event in watched.events]
    return ids == list(range(1, len(ids) + 1)) and watched.events[-1].event == "completed"


@pytest.mark.alone
async def test_readers_on_another_node_get_every_event_at_the_same_pace(linked: Settings, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("word " * WORDS, gap=GAP))
    async with pair(linked, chat_wire) as nodes:
        run_id = await started(nodes.here)
        near, far = Watched(), Watched()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch, nodes.here, run_id, near)
            tasks.start_soon(watch, nodes.there, run_id, far)

    assert complete(near)
    assert far.events == near.events
    lags = sorted(far.at[number] - near.at[number] for number in near.at)
    assert lags[int(len(lags) * 0.95)] < 0.25  # looking in the database twice a second would take longer


async def test_a_run_cancelled_on_another_node_lets_go_of_its_provider_at_once(
    linked: Settings, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    async with pair(linked, chat_wire) as nodes:
        run_id = await started(nodes.here)
        far, halfway = Watched(), anyio.Event()
        async with anyio.create_task_group() as tasks:

            async def follow() -> None:
                await watch(nodes.there, run_id, far, then=lambda number: halfway.set() if number == 4 else None)

            tasks.start_soon(follow)
            await halfway.wait()
            before = anyio.current_time()
            tasks.start_soon(nodes.there.post, f"/api/runs/{run_id}/cancel")
            await chat_wire.requests[0].hung_up.wait()
            taken = anyio.current_time() - before

    assert taken < 1  # the owner's own look at its leases would take longer
    assert far.events[-1].event == "cancelled"
    assert far.events[-1].data["upstream_closed"]


@pytest.mark.parametrize("harm", ["killed", "flushed", "killed and started again"])
async def test_valkey_harmed_in_mid_stream_loses_nothing_and_stalls_nobody(
    settings: Settings, chat_wire: ChatWire, valkey: ValkeyServer, harm: str
) -> None:
    chat_wire.default = lambda _: answer("word " * WORDS, gap=GAP)
    runs = 5

    async def do_harm() -> None:
        if harm == "flushed":
            async with Redis.from_url(valkey.url) as client:
                await client.flushall()
            return
        valkey.kill()
        if harm != "killed":
            valkey.start()

    async with pair(over(settings, valkey), chat_wire) as nodes:
        watched = [Watched() for _ in range(runs)]
        halfway = anyio.Event()
        async with anyio.create_task_group() as tasks:
            for one in watched:

                async def follow(run_id: str, one: Watched = one) -> None:
                    await watch(nodes.there, run_id, one, then=lambda number: halfway.set() if number == 20 else None)

                tasks.start_soon(follow, await started(nodes.here))
            await halfway.wait()
            await do_harm()

    assert all(complete(one) for one in watched)
    assert max(one.longest_silence for one in watched) < 2


async def test_a_redis_that_is_not_there_keeps_no_node_from_its_work(settings: Settings, chat_wire: ChatWire) -> None:
    away = settings.model_copy(update={"redis_url": SecretStr("redis://:secret@127.0.0.1:1/0")})
    chat_wire.queue(answer("word " * 20, gap=GAP))
    async with pair(away, chat_wire) as nodes:
        far = Watched()
        await watch(nodes.there, await started(nodes.here), far)

    assert complete(far)
    assert far.longest_silence < 2


async def test_many_readers_on_another_node_cost_one_fetch(linked: Settings, chat_wire: ChatWire, db: Database) -> None:
    chat_wire.queue(answer("word " * WORDS, gap=GAP))
    fetches = 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal fetches
        fetches += "unnest" in statement and "run_head" in statement

    async with pair(linked, chat_wire) as nodes:
        engine = nodes.servers[1].app.state.db.engine.sync_engine
        event.listen(engine, "before_cursor_execute", count)
        run_id = await started(nodes.here)
        watched = [Watched() for _ in range(20)]
        before = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for one in watched:
                tasks.start_soon(watch, nodes.there, run_id, one)
        polls = (anyio.current_time() - before) / 0.5

    async with db.reading() as db_session:
        commits = await db_session.scalar(
            select(func.count()).select_from(RunLogRow).where(RunLogRow.run_id == UUID(run_id))
        )
    assert all(complete(one) for one in watched)
    assert commits is not None
    assert 0 < fetches <= commits + polls + 5


async def test_a_run_given_back_by_a_node_that_stops_goes_on_elsewhere_at_once(
    linked: Settings, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL), answer("A whole one."))
    far = Watched()
    async with pair(linked, chat_wire) as nodes:
        run_id = await started(nodes.here)
        halfway = anyio.Event()
        async with anyio.create_task_group() as tasks:

            async def follow() -> None:
                await watch(nodes.there, run_id, far, then=lambda number: halfway.set() if number == 4 else None)

            tasks.start_soon(follow)
            await halfway.wait()
            before = anyio.current_time()
            await nodes.servers[0].app.state.runs._engine.leave()
            await chat_wire.request(2)
            taken = anyio.current_time() - before

    assert taken < 1  # the next look for runs that nobody executes would come later
    assert complete(far)


async def test_a_users_sockets_hear_of_runs_on_the_other_node(linked: Settings, chat_wire: ChatWire) -> None:
    chat_wire.default = lambda _: answer("Hello.")
    told: list[Any] = []

    async with pair(linked, chat_wire) as nodes, socket_of(nodes.there) as socket:
        await socket.ok("ping")
        while not told:  # at first the other node may still have to hear that somebody is here
            run_id = await started(nodes.here)
            with anyio.move_on_after(1):
                told.append(await socket.notice("run_ended"))

    assert (told[0]["run_id"], told[0]["agent"], told[0]["state"]) == (run_id, "chat", "completed")
