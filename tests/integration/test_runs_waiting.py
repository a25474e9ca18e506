"""Starts that are answered when the run has ended, and clients that do not wait so long."""

from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import followed, said
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

CHAT = "/api/agents/chat/invoke"
WAITING = [CHAT, "/api/todos/agent-create"]


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": own})) as running:
        yield running


async def wait_and_hang_up(client: httpx.AsyncClient, wire: ChatWire, path: str, choice: str) -> str:
    """Starts, hangs up when the provider was asked, and returns the run's address."""
    asked = len(wire.requests) + 1
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: client.post(path, json=said("go", on_disconnect=choice)))
        await wire.request(asked)
        tasks.cancel_scope.cancel()
    return f"/api/runs/{(await client.get('/api/runs')).json()['items'][0]['id']}"


@pytest.mark.parametrize("path", WAITING)
async def test_who_hangs_up_while_waiting_leaves_as_a_reader_does(
    client: httpx.AsyncClient, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("app.domain.runs.desertion.DESERTED_SECONDS", 0.2)
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)

    cancelled = await wait_and_hang_up(client, chat_wire, path, "cancel")
    kept = await wait_and_hang_up(client, chat_wire, path, "continue")
    with anyio.fail_after(5):
        await chat_wire.requests[0].hung_up.wait()
    events = await followed(client, cancelled.rpartition("/")[2])

    assert events[-1].event == "cancelled"
    assert (await client.get(kept)).json()["state"] == "running"


async def test_a_run_that_somebody_waits_for_goes_on(
    client: httpx.AsyncClient, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.domain.runs.desertion.DESERTED_SECONDS", 0.2)
    held = anyio.Event()
    chat_wire.queue(answer("Wait ", held, "over."), answer("Half an answer", ending=Ending.STALL))
    answers: list[httpx.Response] = []

    async def wait() -> None:
        answers.append(await client.post(CHAT, json=said("go", on_disconnect="cancel")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await chat_wire.request()
        run_id = (await client.get("/api/runs")).json()["items"][0]["id"]
        async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
            await anext(response.aiter_bytes())
        # Another run that is left after it is cancelled, and so this one would have been.
        await wait_and_hang_up(client, chat_wire, CHAT, "cancel")
        await (await chat_wire.request(2)).hung_up.wait()
        held.set()

    assert answers[0].json()["final_message"] == "Wait over."


async def test_a_server_that_stops_does_not_keep_who_waits_for_the_end(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)
    answers: list[httpx.Response] = []

    async def wait() -> None:
        answers.append(await client.post(CHAT, json=said("go")))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await chat_wire.request()
        server.app.state.stopping.set()

    assert (answers[0].status_code, answers[0].json()["code"]) == (503, "server_stopping")
