"""What runs cost, as their events and their rows tell it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import Received, followed, names, only, said, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, answer, refusal

CHAT = "/api/agents/chat/invoke"
TODO = "/api/agents/todo/invoke"
MODEL = "openai/gpt-5-mini"


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": MODEL})
    async with live_server(settings, registry=Registry({"openai": own}, demo_words_per_second=10_000)) as running:
        yield running


def costs(events: list[Received]) -> list[str | None]:
    return [event.data["cost_usd"] for event in events if event.event == "usage"]


async def outcome(client: httpx.AsyncClient, events: list[Received]) -> dict[str, Any]:
    run: dict[str, Any] = (await client.get(f"/api/runs/{events[0].data['run_id']}")).json()
    return run


async def test_each_call_tells_its_cost_and_the_run_the_sum(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(
        answer(Call("search_todos", {"query": "milk"}), usage=(1_000_000, 0)), answer("None.", usage=(0, 500_000))
    )

    events = await streamed(client, TODO, said("is there milk?"))

    run = await outcome(client, events)
    assert costs(events) == ["0.25", "1"]
    assert events[-1].data["usage"]["cost_usd"] == run["usage"]["cost_usd"] == "1.25"
    assert run["usage"]["source"] == "provider"


async def test_the_cost_of_an_unknown_model_is_not_known(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Hello.", usage=(7, 3)))

    events = await streamed(client, CHAT, {**said("hello"), "model": "openai/of-the-house"})

    assert costs(events) == [None]
    assert only(events, "completed").data["usage"] == {
        "input_tokens": 7,
        "output_tokens": 3,
        "reasoning_tokens": 0,
        "cached_tokens": 0,
        "cost_usd": None,
        "source": "provider",
    }


async def test_each_agent_is_counted_at_the_price_of_its_own_model(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    asked = {"name": "Expert", "instructions": "Know.", "model": "openai/gpt-4.1-2025-04-14"}
    expert = (await client.post("/api/agents", json=asked)).json()["id"]
    desk = {"name": "Desk", "instructions": "Hand over.", "model": MODEL, "handoffs": [expert]}
    desk_id = (await client.post("/api/agents", json=desk)).json()["id"]
    chat_wire.queue(answer(Call("transfer_to_expert"), usage=(1000, 0)), answer("So it is.", usage=(1000, 0)))

    events = await streamed(client, f"/api/agents/{desk_id}/invoke", said("why?"))

    assert costs(events) == ["0.00025", "0.002"]
    assert events[-1].data["usage"]["cost_usd"] == "0.00225"


async def test_the_demo_is_free(client: httpx.AsyncClient) -> None:
    events = await streamed(client, CHAT, {**said("hello"), "model": "demo/chat"})

    assert set(costs(events)) == {"0"}
    assert events[-1].data["usage"]["cost_usd"] == "0"


async def test_a_run_that_made_no_call_cost_nothing(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.default = lambda _: refusal(400)

    events = await streamed(client, CHAT, said("hello"))

    assert names(events)[-1] == "error"
    assert (await outcome(client, events))["usage"]["cost_usd"] == "0"


async def test_what_was_cancelled_is_charged_as_far_as_it_came(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    started = await client.post(CHAT, json=said("go"), headers={"Prefer": "respond-async"})
    run_id = started.json()["id"]
    await chat_wire.request()
    async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
        async for line in response.aiter_lines():
            if "answer" in line:
                break
    await client.post(f"/api/runs/{run_id}/cancel")

    events = await followed(client, run_id)

    usage = only(events, "usage").data
    assert usage["source"] == "estimated"
    assert float(usage["cost_usd"]) > 0
    assert only(events, "cancelled").data["usage"] == usage
