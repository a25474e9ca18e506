"""Runs whose process is killed or told to stop."""

import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from subprocess import PIPE

import anyio
import httpx
import pytest
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from tests.integration.conftest import PASSWORD
from tests.streams import followed, names, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

pytestmark = pytest.mark.timeout(60)
CHAT = "/api/agents/chat/invoke"
Start = Callable[[], AbstractAsyncContextManager[tuple[Process, str]]]


@pytest.fixture
def start(tmp_path: Path, database_url: str, chat_wire: ChatWire) -> Start:
    """Starts the server as an operator does, on the same data each time."""
    environment = {
        "PATH": os.defpath,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HEADGATE_PORT": "0",
        "HEADGATE_LOG_LEVEL": "ERROR",
        "HEADGATE_DATA_DIR": str(tmp_path / "data"),
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_RUN_LEASE": "1",
        "HEADGATE_DEFAULT_MODEL": "openai/fake",
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_BASE_URL": chat_wire.url,
    }

    @asynccontextmanager
    async def started() -> AsyncIterator[tuple[Process, str]]:
        command = [sys.executable, "-m", "app", "serve"]
        process = await anyio.open_process(command, cwd=tmp_path, env=environment, stdout=PIPE, stderr=None)
        assert process.stdout is not None
        async with process:
            try:
                said_first = await TextReceiveStream(process.stdout).receive()
                yield process, said_first.split()[2]
            finally:
                if process.returncode is None:
                    process.kill()

    return started


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[httpx.AsyncClient]:
    account = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        await client.post("/api/access/signup", json=account)
        token = (await client.post("/api/access/login", json=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def read_until(response: httpx.Response, wanted: bytes) -> bytes:
    seen = b""
    async for data in response.aiter_raw():
        seen += data
        if wanted in seen:
            return seen
    raise AssertionError(seen)


async def test_a_killed_server_ends_its_runs_when_it_is_back_and_loses_nothing_shown(
    start: Start, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL), answer("A whole one."))
    async with start() as (process, url), signed_in(url) as client:
        started = await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})
        run_id = started.json()["id"]
        async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
            shown = await read_until(response, b"answer")
            process.send_signal(signal.SIGKILL)
        await process.wait()

    async with start() as (_, url), signed_in(url) as client:
        events = await followed(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        again = await streamed(client, CHAT, said("again", session_id="s"))

    assert shown.count(b"\n\n") <= len(events)
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert text(events) == "Half an answer"
    assert (events[-1].event, events[-1].data["code"]) == ("error", "run_interrupted")
    assert events[-1].data["partial_message"] == "Half an answer"
    assert (run["state"], run["final_message"]) == ("failed", "Half an answer")
    assert text(again) == "A whole one."


async def test_a_server_told_to_stop_ends_its_streams_cleanly_and_is_gone(start: Start, chat_wire: ChatWire) -> None:
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)
    seen: list[bytes] = []

    async def follow(client: httpx.AsyncClient, number: int, halfway: anyio.Semaphore) -> None:
        body = said("go", session_id=f"s{number}")
        async with client.stream("POST", CHAT, json=body, headers={"Accept": "text/event-stream"}) as response:
            start_of_it = await read_until_in(response, b"answer", halfway)
            seen.append(start_of_it)

    async with start() as (process, url), signed_in(url) as client:
        halfway = anyio.Semaphore(0)
        async with anyio.create_task_group() as tasks:
            for number in range(5):
                tasks.start_soon(follow, client, number, halfway)
            for _ in range(5):
                await halfway.acquire()
            process.send_signal(signal.SIGTERM)
            with anyio.fail_after(5):
                code = await process.wait()
        runs = [data.split(b'"run_id":"')[1][:36].decode() for data in seen]

    assert code == 0
    assert all(b"event: error" not in data and b"event: completed" not in data for data in seen)
    assert all(data.endswith(b"\n\n") for data in seen)
    async with start() as (_, url), signed_in(url) as client:
        for run_id in runs:
            events = await followed(client, run_id)
            assert text(events) == "Half an answer"
            assert names(events)[-1] == "error"


async def read_until_in(response: httpx.Response, wanted: bytes, halfway: anyio.Semaphore) -> bytes:
    """The whole body; `halfway` is told when it holds what is wanted."""
    seen = b""
    told = False
    async for data in response.aiter_raw():
        seen += data
        if wanted in seen and not told:
            halfway.release()
            told = True
    return seen
