"""Runs of a model behind the Responses API, from the client to the provider and back."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import names, only, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.responses import Hosted, Thought, answer, usage_of
from tests.wires.script import Call

MODEL = "openai_responses/fake"
TODO = "/api/todos/agent-create/stream"
DREAM = {"type": "dream_call", "id": "dc_1", "dream": {"of": [1, None]}}


@pytest.fixture
async def server(settings: Settings, responses_wire: ChatWire) -> AsyncIterator[LiveServer]:
    """Headgate with the fake provider as the operator's own."""
    key = ApiKey("sk-test-0123456789")
    own = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=key, lent=True)
    settings = settings.model_copy(update={"default_model": MODEL})
    async with live_server(settings, registry=Registry({"openai_responses": own})) as running:
        yield running


def without_call_ids(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in item.items() if name != "call_id"} for item in items]


async def test_reasoning_goes_back_unchanged_within_a_run_and_in_the_next(
    client: httpx.AsyncClient, responses_wire: ChatWire
) -> None:
    thought = Thought(("**One**", "**Two**"), sealed="gAAAAAB-one")
    used = usage_of(20, 9, cached=8, reasoning=4)
    responses_wire.queue(
        answer(thought, Hosted(DREAM), Call("create_todo", {"item": "buy milk"}), usage=used),
        answer(Thought(sealed="gAAAAAB-two"), "It is noted.", usage=used),
        answer("You are welcome."),
    )

    first = await streamed(client, TODO, said("add buy milk", session_id="s"))
    second = await streamed(client, TODO, said("Thanks", session_id="s"))

    assert only(first, "tool_result").data["output"]["item"] == "buy milk"
    assert "".join(e.data["content"] for e in first if e.event == "reasoning_delta") == "**One**\n\n**Two**"
    assert (text(first), text(second)) == ("It is noted.", "You are welcome.")
    done = next(event for event in first if event.event == "completed").data["usage"]
    assert (done["input_tokens"], done["cached_tokens"], done["reasoning_tokens"]) == (40, 16, 8)
    one, two, three = (without_call_ids(seen.body["input"]) for seen in responses_wire.requests)
    reasoning = {
        "id": "rs_0",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in ("**One**", "**Two**")],
        "encrypted_content": "gAAAAAB-one",
    }
    call = {"id": "fc_2", "type": "function_call", "name": "create_todo", "arguments": '{"item":"buy milk"}'}
    assert two[: len(one)] == one
    assert two[len(one) : -1] == [reasoning, DREAM, {**call, "status": "completed"}]
    assert two[-1]["type"] == "function_call_output"
    assert three[: len(two)] == two
    assert [item["type"] for item in three[len(two) :]] == ["reasoning", "message", "message"]
    assert three[len(two)]["encrypted_content"] == "gAAAAAB-two"
    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [entry["role"] for entry in history] == ["user", "assistant", "tool", "assistant", "user", "assistant"]


async def test_reasoning_whose_call_was_cut_off_is_not_sent_again(
    client: httpx.AsyncClient, responses_wire: ChatWire
) -> None:
    half = Call("create_todo", '{"item": "buy')
    responses_wire.queue(answer(Thought(sealed="gAAAAAB"), half, incomplete="max_output_tokens"), answer("Again?"))

    first = await streamed(client, TODO, said("add buy milk", session_id="s"))
    await streamed(client, TODO, said("And?", session_id="s"))

    assert "tool_call" not in names(first)
    assert next(event for event in first if event.event == "completed").data["finish_reason"] == "length"
    assert [item.get("role") for item in responses_wire.requests[1].body["input"]] == ["user", "user"]
