"""The Responses wire against a provider on a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import Adapter, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.reading import ALWAYS_SENT, answer_of, text_of
from tests.wires.responses import Thought, answer, response, usage_of
from tests.wires.script import Call, raw

KEY = "sk-very-secret"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
HELLO: dict[str, Any] = {"type": "message", "role": "user", "content": "Hello?"}
CALL = ModelCall(model="some-model", instructions="Be.", items=[HELLO], tools=[LOOK])
JSON = "application/json; charset=utf-8"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=1.0, tail=0.5), egress=LOCAL) as registry:
        yield registry


@pytest.fixture
def adapter(registry: Registry, responses_wire: ChatWire) -> Adapter:
    credential = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=ApiKey(KEY))
    return registry.adapter("openai_responses/some-model", credential)[0]


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, responses_wire: ChatWire) -> None:
    await answer_of(adapter, CALL)

    seen = responses_wire.requests[0]
    assert seen.path == "/v1/responses"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert set(seen.headers) == {*ALWAYS_SENT, "authorization"}
    assert seen.body == {
        "model": "some-model",
        "instructions": "Be.",
        "input": [HELLO],
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "tools": [
            {"type": "function", "name": "look", "description": "Look.", "parameters": LOOK.parameters, "strict": False}
        ],
    }


async def test_what_was_answered_goes_back_as_it_came(adapter: Adapter, responses_wire: ChatWire) -> None:
    responses_wire.queue(answer(Thought("Hm.", sealed="gAAAA=="), Call("look", {"at": "ü"}), usage=(7, 3)))
    _, first = await answer_of(adapter, CALL)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}

    await answer_of(adapter, msgspec.structs.replace(CALL, items=[HELLO, *first.items, output]))

    assert [item["type"] for item in first.items] == ["reasoning", "function_call"]
    assert (first.finish_reason, first.response_id) == ("tool_calls", "resp_1")
    assert responses_wire.requests[1].body["input"] == [
        HELLO,
        {
            "id": "rs_0",
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "Hm."}],
            "encrypted_content": "gAAAA==",
        },
        {
            "id": "fc_1",
            "type": "function_call",
            "call_id": "call_1",
            "name": "look",
            "arguments": '{"at":"ü"}',
            "status": "completed",
        },
        output,
    ]


@pytest.mark.parametrize(("key", "model"), [("sk-another", "some-model"), (KEY, "another-model")])
async def test_reasoning_is_not_sent_to_another_account_or_model(
    adapter: Adapter, registry: Registry, responses_wire: ChatWire, key: str, model: str
) -> None:
    responses_wire.queue(answer(Thought("Hm.", sealed="gAAAA=="), "Yes."))
    _, first = await answer_of(adapter, CALL)
    credential = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=ApiKey(key))
    other = registry.adapter(f"openai_responses/{model}", credential)[0]

    await answer_of(other, msgspec.structs.replace(CALL, model=model, items=[*first.items, HELLO]))

    said = {"type": "message", "role": "assistant", "content": "Yes."}
    assert responses_wire.requests[1].body["input"] == [said, HELLO]


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, responses_wire: ChatWire) -> None:
    message = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "whole 😀"}]}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    body = response("completed", [thought, message], usage=usage_of(3, 4, cached=2, reasoning=1))
    responses_wire.queue(raw(msgspec.json.encode(body), content_type=JSON))

    deltas, result = await answer_of(adapter, CALL)

    assert (text_of(deltas), text_of(deltas, reasoning=True)) == ("whole 😀", "Hm.")
    used = result.usage
    assert (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens) == (3, 4, 2, 1)


async def test_nothing_is_taken_from_the_environment(responses_wire: ChatWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/of-the-operator")
    credential = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=ApiKey(KEY))

    async with Registry(egress=LOCAL) as registry:
        await answer_of(registry.adapter("openai_responses/m", credential)[0], CALL)

    assert "of-the-operator" not in str(responses_wire.requests[0].headers)
