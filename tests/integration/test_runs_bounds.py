"""What one process takes on: so many runs, so many readers, fewer under pressure, and never more than it can write."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import anyio
import httpx
import pytest
from litestar import Litestar

from app.domain.runs.admission import Admission
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.lib.runlog.log import PENDING_BYTES
from app.lib.runlog.store import Write
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.limits import id_of
from tests.rows import a_run
from tests.sockets import socket_of
from tests.streams import events_of, followed, names, only, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

CHAT = "/api/agents/chat/invoke"
STREAM = {"Accept": "text/event-stream"}
LATER = {"Prefer": "respond-async"}
ONE_READ = 600_000
"""What aiohttp has of a provider's answer at most: two buffers, and what the kernel gave it last."""


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    bounds = {"default_model": "openai/fake", "max_active_runs": 2, "max_readers": 2}
    async with live_server(settings.model_copy(update=bounds), registry=Registry({"openai": own})) as running:
        yield running


async def until(app: Litestar, **wanted: int) -> None:
    admission: Admission = app.state.admission
    with anyio.fail_after(10):
        while any(getattr(admission, name) != number for name, number in wanted.items()):  # noqa: ASYNC110 - it is a number
            await anyio.sleep(0.01)


@asynccontextmanager
async def following(client: httpx.AsyncClient, run_id: str) -> AsyncIterator[httpx.Response]:
    async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
        yield response


async def test_a_start_past_the_most_runs_is_refused_before_anything_is_stored(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.queue(*[answer("Hm", ending=Ending.STALL)] * 2)
    begun = [await client.post(CHAT, json=said("Hi"), headers=LATER) for _ in range(2)]

    refused = await client.post(CHAT, json=said("Hi", session_id="third"), headers=LATER)

    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_runs")
    assert int(refused.headers["retry-after"]) >= 1
    assert (await client.get("/api/sessions/third")).status_code == 404
    assert (await client.get("/api/runs")).json()["total"] == 2
    await chat_wire.request(2)  # each has its script
    await client.post(f"{begun[0].headers['location']}/cancel")
    await until(server.app, runs=1)
    chat_wire.queue(answer("Now."))
    assert (await client.post(CHAT, json=said("Hi"))).json()["final_message"] == "Now."


async def test_of_many_starts_at_once_only_as_many_as_fit_are_taken(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    statuses: list[int] = []

    async def start() -> None:
        statuses.append((await client.post(CHAT, json=said("Hi"), headers=LATER)).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(8):
            tasks.start_soon(start)

    assert sorted(statuses) == [202, 202, *[503] * 6]


async def test_a_start_that_nobody_could_read_is_refused_before_it_is_stored(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.queue(answer("Hm", ending=Ending.STALL))
    run_id = (await client.post(CHAT, json=said("Hi"), headers=LATER)).json()["id"]

    async with following(client, run_id), following(client, run_id):
        answers = [
            await client.post(CHAT, json=said("Hi"), headers=STREAM),
            await client.post(CHAT, json=said("Hi")),
            await client.post("/api/todos/agent-create/stream", json=said("Hi")),
            await client.post("/api/v1/chat/stream", json=said("Hi")),
            await client.get(f"/api/runs/{run_id}/events"),
        ]
        told = (await client.get("/health/ready")).json()["pressure"]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [(503, "too_many_readers")] * 5
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers)
    assert (told["active_runs"], told["readers"]) == (1, 2)
    assert (await client.get("/api/runs")).json()["total"] == 1
    await until(server.app, readers=0)


async def test_a_socket_follows_only_where_there_is_room(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    run_id = (await client.post(CHAT, json=said("Hi"), headers=LATER)).json()["id"]

    async with socket_of(client) as socket, following(client, run_id):
        await socket.ok("follow", run_id=run_id)
        assert await socket.refusal("invoke", agent="chat", body=said("Hi")) == "too_many_readers"
        await socket.ok("unfollow", run_id=run_id)
        await until(server.app, readers=1, runs=1)
        await socket.ok("invoke", agent="chat", body=said("Hi"))
        assert await socket.refusal("follow", run_id=run_id) == "too_many_readers"

    await until(server.app, readers=0, runs=2)


async def test_a_reader_that_leaves_or_a_start_that_fails_makes_room(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    for _ in range(3):
        assert (await client.post(CHAT, json=said(""), headers=STREAM)).status_code == 422
        assert (await client.post("/api/agents/nobody/invoke", json=said("Hi"), headers=STREAM)).status_code == 404
        assert names(await streamed(client, CHAT, said("Hi")))[-1] == "completed"

    await until(server.app, readers=0, runs=0)


async def test_a_run_that_somebody_left_is_taken_when_there_is_room(
    settings: Settings, chat_wire: ChatWire, sign_up: SignUp, server: LiveServer
) -> None:
    client = await sign_up()
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    begun = [await client.post(CHAT, json=said("Hi"), headers=LATER) for _ in range(2)]
    left = await a_run(server.app.state.db, attempt=1)
    engine = server.app.state.runs._engine

    engine.take(left)
    assert left not in engine._taking
    await client.post(f"{begun[0].headers['location']}/cancel")
    await until(server.app, runs=1)
    engine.take(left)

    assert left in engine._taking


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_dead_process_s_run_ends_when_it_is_cancelled_though_there_is_no_room(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    for _ in range(2):
        await client.post(CHAT, json=said("Hi"), headers=LATER)
    left = await a_run(server.app.state.db, attempt=1, owner_id=id_of(client), held_by="dead")

    ended = (await client.post(f"/api/runs/{left}/cancel")).json()

    assert ended["state"] in {"cancelled", "failed"}  # nobody can read what it was to do


async def test_under_pressure_some_starts_are_refused(client: httpx.AsyncClient, server: LiveServer) -> None:
    pressure = server.app.state.pressure
    for _ in range(50):
        pressure.feel(9.0, 0.0)

    answers = [await client.post(CHAT, json=said("Hi"), headers=LATER) for _ in range(3)]

    refused = [a for a in answers if a.status_code == 503]
    assert len(refused) >= 2
    assert refused[0].json()["code"] == "server_busy"
    assert refused[0].headers["retry-after"]


async def test_a_blocked_event_loop_opens_the_window_and_it_closes_again(
    client: httpx.AsyncClient, server: LiveServer
) -> None:
    pressure = server.app.state.pressure
    with anyio.fail_after(10):
        while pressure.window == 0:
            time.sleep(0.3)  # noqa: ASYNC251 - what a program must not do
            await anyio.sleep(0.05)

    told = (await client.get("/health/ready")).json()["pressure"]

    assert told["window_ms"] > 0
    assert told["loop_lag_ms"] > 0
    with anyio.fail_after(15):
        while pressure.view.level > 0:  # noqa: ASYNC110 - it is a number
            await anyio.sleep(0.05)
    assert pressure.window == 0


async def test_under_pressure_a_stream_says_the_same_in_fewer_events(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = " ".join(f"word{n}" for n in range(60))
    chat_wire.queue(answer(words, gap=0.002), answer(words, gap=0.002))
    at_once = await streamed(client, CHAT, said("Hi"))

    monkeypatch.setattr(server.app.state.pressure, "feel", lambda *_: None)
    server.app.state.writer.window = 0.1
    joined = await streamed(client, CHAT, said("Hi"))

    assert text(at_once) == text(joined) == words == only(joined, "message").data["content"]
    assert names(joined).count("message_delta") < names(at_once).count("message_delta") / 2


@pytest.mark.parametrize("window", [0.0, 0.1])
async def test_a_cancel_keeps_what_was_said_in_a_window(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer, monkeypatch: pytest.MonkeyPatch, window: float
) -> None:
    monkeypatch.setattr(server.app.state.pressure, "feel", lambda *_: None)
    server.app.state.writer.window = window
    chat_wire.queue(answer("One two three four five", gap=0.005, ending=Ending.STALL))
    run: dict[str, Any] = {}

    async with client.stream("POST", CHAT, json=said("Hi"), headers=STREAM) as response:
        events = []
        async for event in events_of(response):
            events.append(event)
            if event.event == "message_delta" and not run:
                run = (await client.post(f"{response.headers['location']}/cancel")).json()

    assert text(events) == only(events, "message").data["content"] == run["final_message"]
    assert events[-1].event == "cancelled"


async def test_a_provider_is_read_no_faster_than_the_database_writes(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = server.app.state.writer.store
    really = store.write
    sizes: list[int] = []

    async def write(writes: list[Write]) -> dict[UUID, str | None]:
        sizes.extend(len(w.batch.frames) for w in writes if b"event: message\n" not in w.batch.frames)
        await anyio.sleep(0.03)  # a slow disk
        held: dict[UUID, str | None] = await really(writes)
        return held

    monkeypatch.setattr(store, "write", write)
    said_by_model = " ".join(["x" * 1000] * 3000)
    chat_wire.queue(answer(said_by_model))

    events = await streamed(client, CHAT, said("Hi"))

    assert text(events) == said_by_model
    assert PENDING_BYTES < max(sizes) < PENDING_BYTES + ONE_READ, sizes


async def test_a_run_waits_while_the_database_writes_nothing(
    client: httpx.AsyncClient, chat_wire: ChatWire, server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stuck, goes_on = anyio.Event(), anyio.Event()
    store = server.app.state.writer.store
    really = store.write

    async def write(writes: list[Write]) -> dict[UUID, str | None]:
        stuck.set()
        await goes_on.wait()
        held: dict[UUID, str | None] = await really(writes)
        return held

    monkeypatch.setattr(store, "write", write)
    said_by_model = " ".join(["x" * 1000] * 3000)
    chat_wire.queue(answer(said_by_model))
    begun = (await client.post(CHAT, json=said("Hi"), headers=LATER)).json()
    await stuck.wait()
    (execution,) = server.app.state.runs._engine._executor.active.values()
    log = execution.attempt.log
    with anyio.fail_after(10):
        while not log._waiters:  # noqa: ASYNC110 - nobody is told of it
            await anyio.sleep(0.01)
    pending = log._pending_bytes
    live = await client.get("/health/live")
    goes_on.set()

    assert PENDING_BYTES < pending < PENDING_BYTES + ONE_READ
    assert live.status_code == 200
    assert text(await followed(client, begun["id"])) == said_by_model
