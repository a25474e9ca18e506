"""Runs that are to end when nobody follows them any more, with readers on two nodes."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from app.domain.runs import desertion
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.integration.test_runs_control import registry_of, state_is
from tests.streams import events_of, said
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

CHAT = "/api/agents/chat/invoke"
DESERTED = 0.4
ASYNC = {"Prefer": "respond-async"}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desertion, "DESERTED_SECONDS", DESERTED)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=registry_of(chat_wire)) as running:
        yield running


@pytest.fixture
async def second(server: LiveServer, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with live_server(server.settings, registry=registry_of(chat_wire)) as running:
        yield running


async def started(client: httpx.AsyncClient, on_disconnect: str) -> str:
    response = await client.post(CHAT, json=said("go", on_disconnect=on_disconnect), headers=ASYNC)
    run_id: str = response.json()["id"]
    return run_id


async def glanced(client: httpx.AsyncClient, url: str, run_id: str, *, until: anyio.Event | None = None) -> None:
    """Follow the run for a moment, or until told to leave."""
    async with client.stream("GET", f"{url}/api/runs/{run_id}/events", timeout=20) as response:
        assert response.status_code == 200, await response.aread()
        events = events_of(response)
        while (await anext(events)).event != "message_delta":
            pass
        if until is not None:
            await until.wait()
        await events.aclose()  # type: ignore[attr-defined]


async def test_it_ends_when_its_last_reader_has_left(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL))
    run_id = await started(client, "cancel")

    await glanced(client, server.url, run_id)

    assert (await state_is(client, run_id, "cancelled"))["final_message"] == "One "
    await chat_wire.requests[0].hung_up.wait()


async def test_it_goes_on_without_readers_where_that_is_wanted(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    go_on = anyio.Event()
    chat_wire.queue(answer("One ", go_on, "two."), answer("x ", ending=Ending.STALL))
    run_id, other = await started(client, "continue"), await started(client, "cancel")
    await glanced(client, server.url, run_id)

    await glanced(client, server.url, other)
    await state_is(client, other, "cancelled")
    go_on.set()

    assert (await state_is(client, run_id, "completed", "cancelled"))["state"] == "completed"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_reader_on_another_node_keeps_it(
    server: LiveServer, second: LiveServer, client: httpx.AsyncClient, sign_up: SignUp, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL), answer("x ", ending=Ending.STALL))
    leave = anyio.Event()
    run_id = await started(client, "cancel")
    async with anyio.create_task_group() as tasks, httpx.AsyncClient(headers=client.headers) as reader:
        tasks.start_soon(lambda: glanced(reader, second.url, run_id, until=leave))
        await glanced(client, server.url, run_id)
        # Another run that is left at the same moment is cancelled, and so this one would have been.
        other = await started(client, "cancel")
        await glanced(client, server.url, other)
        await state_is(client, other, "cancelled")
        kept = (await client.get(f"/api/runs/{run_id}")).json()["state"]
        leave.set()
        await state_is(client, run_id, "cancelled")

    assert kept == "running"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_readers_of_another_node_alone_keep_and_leave_it(
    second: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL))
    leave = anyio.Event()
    run_id = await started(client, "cancel")
    async with anyio.create_task_group() as tasks, httpx.AsyncClient(headers=client.headers) as reader:
        tasks.start_soon(lambda: glanced(reader, second.url, run_id, until=leave))
        await anyio.sleep(3 * DESERTED)
        kept = (await client.get(f"/api/runs/{run_id}")).json()["state"]
        leave.set()
        await state_is(client, run_id, "cancelled")

    assert kept == "running"


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_glance_from_another_node_is_a_reader_too(
    second: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL))
    run_id = await started(client, "cancel")
    await chat_wire.request()

    async with httpx.AsyncClient(headers=client.headers) as reader:
        await glanced(reader, second.url, run_id)

    await state_is(client, run_id, "cancelled")
