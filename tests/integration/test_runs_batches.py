"""`?batch=true`: what a reader gets who wants fewer frames."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from app.domain.runs.controllers import batches
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.databases import unstored
from tests.integration.conftest import LiveServer, live_server
from tests.streams import Received, events_of, followed, names, said, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import answer

pytestmark = unstored

INVOKE = "/api/agents/todo/invoke"
TODO = "/api/todos/agent-create/stream"
CHAT = "/api/v1/chat/stream"
STREAM = {"Accept": "text/event-stream"}
LONG = " ".join(f"word{number}" for number in range(400))


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": own})) as running:
        yield running


def unpacked(events: list[Received]) -> list[Received]:
    """The events inside of batches; a batch that bears another id than its last event fails."""
    found = []
    for event in events:
        if event.event != "batch":
            found.append(event)
            continue
        assert event.id == event.data[-1]["id"]
        assert all(set(item) == {"id", "event", "data"} for item in event.data)
        found += [Received(**item) for item in event.data]
    return found


async def batched(client: httpx.AsyncClient, run_id: str, after: int = 0, query: str = "") -> list[Received]:
    return await followed(client, run_id, f"{after}&batch=true{query}")  # type: ignore[arg-type]


@pytest.mark.parametrize("path", [INVOKE, TODO, CHAT])
async def test_every_stream_can_be_asked_for_in_batches(
    client: httpx.AsyncClient, chat_wire: ChatWire, path: str
) -> None:
    chat_wire.queue(answer(LONG))

    events = await streamed(client, f"{path}?batch=true", said("go"))

    stored = [event for event in events if event.id is not None]
    assert {event.event for event in stored} == {"batch"}
    assert names(events)[len(stored) :] == (["history"] if path == TODO else [])
    run_id = unpacked(events)[0].data["run_id"]
    assert unpacked(stored) == await followed(client, run_id)


async def test_a_backlog_comes_in_many_batches_of_a_kilobyte(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(LONG))
    run = (await client.post(INVOKE, json=said("go"))).json()

    plain = await followed(client, run["id"])
    events = await batched(client, run["id"])
    response = await client.get(f"/api/runs/{run['id']}/events?batch=true")

    assert unpacked(events) == plain
    assert len(events) < len(plain) / 3
    batches_of_many = [line for line in response.text.split("\n") if line.startswith("data: ") and '},{"id"' in line]
    assert len(batches_of_many) > 5
    assert max(map(len, batches_of_many)) <= batches.BATCH_BYTES + len("data: []")


async def test_whoever_comes_back_with_the_id_of_a_batch_misses_nothing_and_gets_nothing_twice(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer(LONG))
    run = (await client.post(INVOKE, json=said("go"))).json()
    plain = await followed(client, run["id"])

    for batch in await batched(client, run["id"]):
        response = await client.get(
            f"/api/runs/{run['id']}/events?batch=true", headers={"Last-Event-ID": str(batch.id)}
        )
        if batch.id == run["last_seq"]:
            assert response.status_code == 204
        else:
            assert unpacked(await batched(client, run["id"], batch.id or 0)) == plain[batch.id :]


async def test_a_reader_cut_in_the_middle_of_a_run_goes_on_after_its_last_batch(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("One two three. ", held, "Four five six."))
    seen: list[Received] = []
    async with client.stream("POST", f"{INVOKE}?batch=true", json=said("go"), headers=STREAM) as response:
        async for event in events_of(response):
            seen.append(event)
            if "message_delta" in names(unpacked(seen)):
                break
    run_id = unpacked(seen)[0].data["run_id"]
    held.set()

    seen += await batched(client, run_id, seen[-1].id or 0)

    assert unpacked(seen) == await followed(client, run_id)


async def test_the_first_words_are_not_held_back(
    client: httpx.AsyncClient, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", 3600.0)
    held = anyio.Event()
    chat_wire.queue(answer("Hello", held, " again"))

    async with client.stream("POST", f"{INVOKE}?batch=true", json=said("go"), headers=STREAM) as response:
        seen: list[Received] = []
        async for event in events_of(response):
            seen.append(event)
            held.set()

    first, *rest = seen
    assert names(unpacked([first]))[-1] == "message_delta"
    assert names(unpacked(rest))[-1] == "completed"


async def test_an_envelope_holds_a_whole_batch(client: httpx.AsyncClient) -> None:
    run = (await client.post(INVOKE, json=said("go"))).json()

    events = await batched(client, run["id"], query="&envelope=true")

    assert all(event.event == event.data["event"] == "batch" for event in events)
    inside = [Received(event.id, event.event, event.data["data"]) for event in events]
    assert unpacked(inside) == await followed(client, run["id"])


async def test_a_reset_stands_alone_before_the_batches(client: httpx.AsyncClient) -> None:
    run = (await client.post(INVOKE, json=said("go"))).json()

    events = await batched(client, run["id"], after=1000)

    assert (events[0].event, events[0].id) == ("reset", None)
    assert unpacked(events[1:]) == await followed(client, run["id"])


@pytest.mark.parametrize("value", ["yes please", "2"])
async def test_a_wish_that_is_neither_true_nor_false_is_a_problem(client: httpx.AsyncClient, value: str) -> None:
    refused: Any = await client.post(CHAT, json=said("go"), params={"batch": value})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["parameter"] == "batch"
    assert (await client.get("/api/runs")).json()["total"] == 0
