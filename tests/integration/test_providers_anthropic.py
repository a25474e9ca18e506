"""The messages wire against a provider on a real socket."""

from collections.abc import AsyncIterator

import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential, server_credentials
from app.lib.providers.errors import CredentialMissing
from app.lib.providers.model import Adapter, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.anthropic import Thought, answer, base_url, message
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.reading import ALWAYS_SENT, answer_of, text_of
from tests.wires.script import Call, raw

KEY = "sk-ant-very-secret"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
CALL = ModelCall(
    model="claude-haiku-4-5", instructions="Be.", items=[{"role": "user", "content": "Hello?"}], tools=[LOOK]
)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=1.0, tail=0.5), egress=LOCAL) as registry:
        yield registry


@pytest.fixture
def adapter(registry: Registry, anthropic_wire: ChatWire) -> Adapter:
    return registry.adapter("anthropic/claude-haiku-4-5", credential_for(anthropic_wire))[0]


def credential_for(wire: ChatWire) -> Credential:
    return Credential(provider="anthropic", base_url=base_url(wire), api_key=ApiKey(KEY), lent=True)


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    await answer_of(adapter, CALL)

    seen = anthropic_wire.requests[0]
    assert seen.path == "/v1/messages"
    assert (seen.headers["x-api-key"], seen.headers["anthropic-version"]) == (KEY, "2026-10-21")
    assert set(seen.headers) == {*ALWAYS_SENT, "anthropic-version", "x-api-key"}
    assert seen.body == {
        "model": "claude-haiku-4-5",
        "max_tokens": 32_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello?"}]}],
        "stream": True,
        "system": "Be.",
        "tools": [{"name": "look", "description": "Look.", "input_schema": LOOK.parameters}],
    }


async def test_nothing_is_taken_from_the_environment(anthropic_wire: ChatWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_PROFILE"):
        monkeypatch.setenv(name, "x-other: of-the-operator")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Registry(egress=LOCAL) as registry:
        with pytest.raises(CredentialMissing):
            registry.adapter("anthropic/m")

        await answer_of(registry.adapter("anthropic/m", credential_for(anthropic_wire))[0], CALL)

    headers = anthropic_wire.requests[0].headers
    assert headers["x-api-key"] == KEY
    assert "authorization" not in headers
    assert "of-the-operator" not in str(headers)


async def test_the_operators_key_is_lent(anthropic_wire: ChatWire) -> None:
    own = server_credentials(anthropic_api_key=KEY, anthropic_base_url=base_url(anthropic_wire), lend=["anthropic"])
    async with Registry(own, egress=LOCAL) as registry:
        assert registry.lent == ["anthropic"]
        await answer_of(registry.adapter("anthropic/m")[0], CALL)

    assert anthropic_wire.requests[0].headers["x-api-key"] == KEY
    assert server_credentials(anthropic_api_key=KEY, lend=["openai"]) == {}


async def test_a_thought_comes_back_to_its_model_unchanged_and_to_nobody_else(
    registry: Registry, anthropic_wire: ChatWire
) -> None:
    adapter, model = registry.adapter("anthropic/claude-opus-5-5", credential_for(anthropic_wire))
    anthropic_wire.queue(answer(Thought("Hm, hm.", "sig"), Call("look")))
    first = msgspec.structs.replace(CALL, model=model)
    _, result = await answer_of(adapter, first)
    output = {"type": "function_call_output", "call_id": result.items[1]["call_id"], "output": "seen"}
    second = msgspec.structs.replace(first, items=[*first.items, *result.items, output])
    other = Credential(
        provider="anthropic", base_url=base_url(anthropic_wire), api_key=ApiKey("sk-of-another"), lent=True
    )

    await answer_of(adapter, second)
    await answer_of(registry.adapter("anthropic/claude-opus-5-5", other)[0], second)

    kinds = [[block["type"] for block in seen.messages[1]["content"]] for seen in anthropic_wire.requests[1:]]
    assert kinds == [["thinking", "tool_use"], ["tool_use"]]
    thought = anthropic_wire.requests[1].messages[1]["content"][0]
    assert thought == {"type": "thinking", "thinking": "Hm, hm.", "signature": "sig"}


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    body = message([{"type": "text", "text": "whole"}], stop_reason="end_turn")
    anthropic_wire.queue(raw(msgspec.json.encode(body), content_type="application/json; charset=utf-8"))

    deltas, _ = await answer_of(adapter, CALL)

    assert text_of(deltas) == "whole"
