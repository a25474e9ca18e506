"""Runs of a model behind Bedrock, from the client to the provider and back; and where users may not send them."""

from collections.abc import AsyncIterator

import httpx
import pytest

from app.lib.providers.credentials import BedrockKeys, server_credentials
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import only, said, streamed, text
from tests.wires.bedrock import Redacted, Thought, answer, base_url, is_signed
from tests.wires.chat import ChatWire
from tests.wires.script import Call

MODEL = "bedrock/anthropic.claude-sonnet-4-5-20250929-v1:0"
TODO = "/api/todos/agent-create/stream"
SECRET = "very/secret+of=aws"
USED = {"inputTokens": 12, "outputTokens": 9, "totalTokens": 29, "cacheReadInputTokens": 8}


@pytest.fixture
async def server(settings: Settings, bedrock_wire: ChatWire) -> AsyncIterator[LiveServer]:
    """Headgate with the fake provider as the operator's own."""
    keys = BedrockKeys(
        access_key_id="AKIAEXAMPLE",
        secret_access_key=SECRET,
        region="eu-central-1",
        endpoint_url=base_url(bedrock_wire),
    )
    own = server_credentials(bedrock=keys, lend=None)
    settings = settings.model_copy(update={"default_model": MODEL})
    async with live_server(settings, registry=Registry(own)) as running:
        yield running


async def test_thoughts_go_back_unchanged_within_a_run_and_in_the_next(
    client: httpx.AsyncClient, bedrock_wire: ChatWire
) -> None:
    bedrock_wire.queue(
        answer(Thought("Hm hm.", "c2ln"), Redacted(b"\x00\xff"), Call("create_todo", {"item": "buy milk"}), usage=USED),
        answer(Thought("Done.", "ZG9uZQ=="), "It is noted.", usage=USED),
        answer("You are welcome."),
    )

    first = await streamed(client, TODO, said("add buy milk", session_id="s"))
    second = await streamed(client, TODO, said("Thanks", session_id="s"))

    assert only(first, "tool_result").data["output"]["item"] == "buy milk"
    assert "".join(e.data["content"] for e in first if e.event == "reasoning_delta") == "Hm hm.Done."
    assert (text(first), text(second)) == ("It is noted.", "You are welcome.")
    done = next(event for event in first if event.event == "completed").data["usage"]
    assert (done["input_tokens"], done["cached_tokens"], done["output_tokens"]) == (40, 16, 18)
    thoughts = [
        {"reasoningContent": {"reasoningText": {"text": "Hm hm.", "signature": "c2ln"}}},
        {"reasoningContent": {"redactedContent": "AP8="}},
    ]
    _, two, three = bedrock_wire.requests
    for seen in (two, three):
        assert [message["role"] for message in seen.messages[:3]] == ["user", "assistant", "user"]
        assert seen.messages[1]["content"][:2] == thoughts
        assert seen.messages[1]["content"][2]["toolUse"]["input"] == {"item": "buy milk"}
        assert "toolResult" in seen.messages[2]["content"][0]
        assert is_signed(seen, SECRET)
    assert three.messages[3]["content"][0]["reasoningContent"]["reasoningText"]["text"] == "Done."
    assert three.messages[4]["content"][1:] == [{"text": "Thanks"}]
