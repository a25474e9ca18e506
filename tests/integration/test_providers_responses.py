"""The Responses wire against a provider on a real socket."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import Adapter, Delta, ModelAnswer, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.responses import Refusal, Thought, answer, event, failed, response, usage_of
from tests.wires.script import Call, Ending, Script, raw, refusal

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


async def deltas_of(adapter: Adapter, call: ModelCall = CALL) -> tuple[list[Delta], ModelAnswer]:
    async with adapter.stream(call) as stream:
        deltas = [delta async for delta in stream]
    assert not stream.upstream_closed
    return deltas, stream.answer


def text_of(deltas: list[Delta], *, reasoning: bool = False) -> str:
    return "".join(delta.text for delta in deltas if delta.reasoning is reasoning)


async def failure_of(adapter: Adapter) -> tuple[str, ProviderError]:
    """The text until then, and what went wrong."""
    deltas: list[Delta] = []

    async def read() -> None:
        async with adapter.stream(CALL) as stream:
            async for delta in stream:
                deltas.append(delta)  # noqa: PERF401 - what came before the failure is wanted

    with pytest.raises(ProviderError) as caught:
        await read()
    assert KEY not in caught.value.detail
    return text_of(deltas), caught.value


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, responses_wire: ChatWire) -> None:
    await deltas_of(adapter)

    seen = responses_wire.requests[0]
    assert seen.path == "/v1/responses"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert set(seen.headers) == {
        "host",
        "accept",
        "accept-encoding",
        "content-type",
        "content-length",
        "user-agent",
        "authorization",
    }
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
    _, first = await deltas_of(adapter)
    output = {"type": "function_call_output", "call_id": "call_1", "output": "seen"}

    await deltas_of(adapter, msgspec.structs.replace(CALL, items=[HELLO, *first.items, output]))

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
    _, first = await deltas_of(adapter)
    credential = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=ApiKey(key))
    other = registry.adapter(f"openai_responses/{model}", credential)[0]

    await deltas_of(other, msgspec.structs.replace(CALL, model=model, items=[*first.items, HELLO]))

    said = {"type": "message", "role": "assistant", "content": "Yes."}
    assert responses_wire.requests[1].body["input"] == [said, HELLO]


async def test_deltas_come_as_soon_as_their_bytes(adapter: Adapter, responses_wire: ChatWire) -> None:
    gate = anyio.Event()
    responses_wire.queue(answer("first", gate, "second"))

    async with adapter.stream(CALL) as stream:
        first = await anext(aiter(stream))
        gate.set()
        rest = [delta async for delta in stream]

    assert (first, text_of(rest)) == (Delta("first"), "second")


async def test_what_is_taken_while_the_iteration_waits_does_not_come_again(
    adapter: Adapter, responses_wire: ChatWire
) -> None:
    responses_wire.queue(answer(Thought("Hm hm."), "One two three four.", gap=0.01))
    taken: list[Delta] = []

    def take(delta: Delta) -> bool:
        taken.append(delta)
        return True

    async with adapter.stream(CALL) as stream:
        stream.take = take
        rest = [delta async for delta in stream]

    assert text_of(taken + rest) == "One two three four."
    assert text_of(taken + rest, reasoning=True) == "Hm hm."
    assert len(taken) > len(rest)


async def test_a_finished_call_leaves_its_connection_to_the_next(adapter: Adapter, responses_wire: ChatWire) -> None:
    for _ in range(3):
        await deltas_of(adapter)

    assert responses_wire.connections == 1


async def test_leaving_the_block_hangs_up_at_once(adapter: Adapter, responses_wire: ChatWire) -> None:
    responses_wire.queue(answer("one two", anyio.Event()))

    async with adapter.stream(CALL) as stream:
        await anext(aiter(stream))
    left = time.perf_counter()
    await responses_wire.requests[0].hung_up.wait()

    assert time.perf_counter() - left < 0.1
    assert stream.upstream_closed
    usage = stream.partial_usage()
    assert usage.source == "estimated"
    assert usage.input_tokens > 0 < usage.output_tokens
    with pytest.raises(RuntimeError):
        _ = stream.answer


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "authentication"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (413, "too_large"),
        (429, "rate_limit"),
        (500, "server"),
        (502, "server"),
        (503, "overloaded"),
        (504, "timeout"),
        (302, "malformed"),
    ],
)
async def test_a_status_has_its_kind(adapter: Adapter, responses_wire: ChatWire, status: int, reason: str) -> None:
    body = {"error": {"message": f"{KEY} leaked", "type": "some_error"}}
    responses_wire.queue(refusal(status, body, x_request_id="req-7", retry_after="7"))

    _, error = await failure_of(adapter)

    assert (error.reason, error.status, error.retry_after) == (reason, status, 7.0)
    assert error.upstream_request_id == "req-7"
    assert "leaked" not in str(error)


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(b'{"error":{"code":"rate_limit_exceeded"}}', content_type=JSON), "rate_limit"),
        (raw(b'{"detail":"what?"}', content_type=JSON), "malformed"),
        (raw(b"[1]", content_type=JSON), "malformed"),
        (raw(b"{]", content_type=JSON), "malformed"),
        (raw(msgspec.json.encode(response("queued", [])), content_type=JSON), "malformed"),
        (raw(msgspec.json.encode(response("failed", [], error={"code": "server_error"})), content_type=JSON), "server"),
        (raw(b"<html>Welcome</html>", content_type="text/html"), "malformed"),
        (raw(b"<html>Welcome</html>"), "cut"),
        (raw(event("error", code="rate_limit_exceeded", message=KEY, param=None)), "rate_limit"),
        (raw(event("error", error={"type": "invalid_request_error", "code": "context_length_exceeded"})), "too_large"),
        (raw(b'data: {"error":{"code":503}}\n\n'), "overloaded"),
        (raw(b"event: error\ndata: ?\n\n"), "server"),
        (raw(failed({"code": "server_error", "message": KEY})), "server"),
        (raw(failed({"code": "rate_limit_exceeded", "message": KEY})), "rate_limit"),
        (raw(failed({"code": "invalid_prompt", "message": KEY})), "bad_request"),
        (raw(failed({"code": "cyber_policy_violation", "message": KEY})), "bad_request"),
        (raw(failed(None)), "server"),
        (raw(event("response.cancelled", response=response("cancelled", []))), "server"),
        (raw(event("response.completed", response=None)), "malformed"),
        (raw(b"data: {]\n\n"), "malformed"),
        (raw(b"data: [1]\n\n"), "malformed"),
        (raw(b'data: {"type":"response.output_text.delta","delta":"\xc3"}\n\n'), "malformed"),
        (raw(b"data: [DONE]\n\n"), "cut"),
        (raw(), "cut"),
        (raw(ending=Ending.STALL), "timeout"),
    ],
)
async def test_status_200_is_not_yet_an_answer(
    adapter: Adapter, responses_wire: ChatWire, script: Script, reason: str
) -> None:
    responses_wire.queue(script)

    assert (await failure_of(adapter))[1].reason == reason


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(Ending.DROP, "cut"), (Ending.RESET, "cut"), (Ending.STALL, "timeout"), (Ending.CLEAN, "cut")],
)
async def test_a_stream_that_breaks_off_keeps_its_text(
    adapter: Adapter, responses_wire: ChatWire, ending: Ending, reason: str
) -> None:
    responses_wire.queue(answer("half an ans", 0.01, ending=ending, done=False))

    text, error = await failure_of(adapter)

    assert (text, error.reason) == ("half an ans", reason)
    assert error.retryable


@pytest.mark.parametrize("ending", [Ending.DROP, Ending.STALL])
async def test_a_whole_answer_needs_no_orderly_end(adapter: Adapter, responses_wire: ChatWire, ending: Ending) -> None:
    whole = answer("whole").steps
    responses_wire.queue(Script(whole, ending=ending))

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "whole"
    assert result.finish_reason == "stop"


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, responses_wire: ChatWire) -> None:
    message = {"type": "message", "id": "msg_1", "content": [{"type": "output_text", "text": "whole 😀"}]}
    thought = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}
    body = response("completed", [thought, message], usage=usage_of(3, 4, cached=2, reasoning=1))
    responses_wire.queue(raw(msgspec.json.encode(body), content_type=JSON))

    deltas, result = await deltas_of(adapter)

    assert (text_of(deltas), text_of(deltas, reasoning=True)) == ("whole 😀", "Hm.")
    used = result.usage
    assert (used.input_tokens, used.output_tokens, used.cached_tokens, used.reasoning_tokens) == (3, 4, 2, 1)


async def test_a_call_that_was_cut_off_is_not_run(adapter: Adapter, responses_wire: ChatWire) -> None:
    half = Call("look", '{"at": "Zür', "call_2")
    responses_wire.queue(answer(Call("look", {"at": "a"}), half, incomplete="max_output_tokens"))

    _, result = await deltas_of(adapter)

    assert [item["call_id"] for item in result.items] == ["call_1"]
    assert result.finish_reason == "length"


async def test_a_refusal_is_said_and_named(adapter: Adapter, responses_wire: ChatWire) -> None:
    responses_wire.queue(answer(Refusal("I must not.")))

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "I must not."
    assert result.items[0]["content"] == [{"type": "refusal", "refusal": "I must not."}]
    assert result.finish_reason == "refusal"


async def test_nothing_is_taken_from_the_environment(responses_wire: ChatWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_BASE_URL", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/of-the-operator")
    credential = Credential(provider="openai_responses", base_url=responses_wire.url, api_key=ApiKey(KEY))

    async with Registry(egress=LOCAL) as registry:
        await deltas_of(registry.adapter("openai_responses/m", credential)[0])

    assert "of-the-operator" not in str(responses_wire.requests[0].headers)
