"""Runs whose process is killed or told to stop."""

import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from tests.chaos import environment
from tests.integration.conftest import PASSWORD
from tests.servers import Nursery, Process
from tests.streams import followed, names, only, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, answer

pytestmark = pytest.mark.timeout(60)
CHAT = "/api/agents/chat/invoke"
TODO = "/api/agents/todo/invoke"
Start = Callable[..., AbstractAsyncContextManager[tuple[Process, str]]]


@pytest.fixture
def start(servers: Nursery, tmp_path: Path, database_url: str, chat_wire: ChatWire) -> Start:
    """Starts a server, on the same data each time."""

    @asynccontextmanager
    async def started(node: str = "data") -> AsyncIterator[tuple[Process, str]]:
        folder = tmp_path / node
        if node != "data":
            shutil.copytree(tmp_path / "data", folder)  # nodes share their keys
        settings = environment(chat_wire, database_url) | {"HEADGATE_DATA_DIR": str(folder)}
        process = await servers.start(settings, tmp_path)
        try:
            yield process, process.url
        finally:
            await process.kill()

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


async def test_a_killed_server_goes_on_with_its_runs_when_it_is_back_and_loses_nothing_shown(
    start: Start, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL), answer("A whole one."), answer("Again."))
    async with start() as (process, url), signed_in(url) as client:
        started = await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})
        run_id = started.json()["id"]
        async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
            shown = await read_until(response, b"answer")
            process.send_signal(signal.SIGKILL)
        await process.wait()

    async with start() as (_, url), signed_in(url) as client:
        events = await followed(client, run_id)
        rejoined = await followed(client, run_id, after=shown.count(b"\n\n"))
        run = (await client.get(f"/api/runs/{run_id}")).json()
        again = await streamed(client, CHAT, said("again", session_id="s"))

    superseded = only(events, "superseded")
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert rejoined == events[shown.count(b"\n\n") :]
    assert text(events[: superseded.id - 1]) == "Half an answer"  # type: ignore[operator]
    first_delta = next(event.id for event in events if event.event == "message_delta")
    assert superseded.data == {"from_seq": first_delta, "attempt": 2, "reason": "interrupted"}
    assert only(events, "message").data == {"content": "A whole one.", "partial": False}
    assert (events[-1].event, events[-1].data["final_message"]) == ("completed", "A whole one.")
    assert (run["state"], run["attempt"]) == ("completed", 2)
    assert text(again) == "Again."


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_process_that_slept_past_its_lease_writes_nothing_any_more(start: Start, chat_wire: ChatWire) -> None:
    go_on = anyio.Event()
    chat_wire.queue(answer("Half ", go_on, "an answer.", ending=Ending.STALL), answer("A whole one."))
    async with start() as (first, url), signed_in(url) as client:
        started = await client.post(CHAT, json=said("go"), headers={"Prefer": "respond-async"})
        run_id = started.json()["id"]
        async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
            await read_until(response, b"Half")
        first.send_signal(signal.SIGSTOP)
        async with start("other") as (_, other_url), signed_in(other_url) as other:
            events = await followed(other, run_id)
            go_on.set()
            first.send_signal(signal.SIGCONT)
            await chat_wire.requests[0].hung_up.wait()
            still = await followed(other, run_id)
        seen_by_first = await followed(client, run_id)

    assert events == still == seen_by_first
    assert only(events, "message").data["content"] == "A whole one."
    assert only(events, "superseded").data["attempt"] == 2
    assert events[-1].event == "completed"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_process_that_slept_past_its_lease_uses_no_tool_any_more(start: Start, chat_wire: ChatWire) -> None:
    go_on = anyio.Event()
    milk = Call("create_todo", {"item": "milk"})
    chat_wire.queue(
        answer("Let me ", go_on, "see. ", milk), answer("Let me see. ", milk), answer("It is done."), answer("Again.")
    )
    async with start() as (first, url), signed_in(url) as client:
        started = await client.post(TODO, json=said("go"), headers={"Prefer": "respond-async"})
        run_id = started.json()["id"]
        async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
            await read_until(response, b"Let me")
        first.send_signal(signal.SIGSTOP)
        async with start("other") as (_, other_url), signed_in(other_url) as other:
            events = await followed(other, run_id)
            go_on.set()
            first.send_signal(signal.SIGCONT)
            await chat_wire.requests[0].answered.wait()
            # What it has to write is written, or refused, before this is. It is behind with its work for a moment.
            again = said("again", session_id="other")
            while (started := await client.post(CHAT, json=again)).status_code == 503:
                assert started.json()["code"] == "server_busy"
        seen_by_first = await followed(client, run_id)
        todos = (await client.get("/api/todos")).json()["items"]

    assert events == seen_by_first
    assert [todo["item"] for todo in todos] == ["milk"]
    assert only(events, "superseded").data["attempt"] == 2
    assert only(events, "tool_result").data["is_error"] is False
    assert len(chat_wire.requests) == 4
    assert events[-1].event == "completed"


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
    chat_wire.default = lambda _: answer("A whole one.")
    async with start() as (_, url), signed_in(url) as client:
        for run_id in runs:
            events = await followed(client, run_id)
            assert only(events, "message").data["content"] == "A whole one."
            assert names(events)[-1] == "completed"


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
