"""The messages wire against a provider on a real socket."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential, server_credentials
from app.lib.providers.errors import CredentialMissing, ProviderError
from app.lib.providers.model import Adapter, Delta, ModelAnswer, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.anthropic import Thought, answer, base_url, begin, block, failure, message, stopped
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import Call, Ending, Script, raw, refusal

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


@pytest.mark.parametrize("split", [None, 1, 7, "random"])
async def test_an_answer_is_the_same_at_any_split(adapter: Adapter, anthropic_wire: ChatWire, split: Any) -> None:
    script = answer(Thought("Hm hm."), "Grüße aus 東京 😀!", Call("look", {"at": "ü"}), usage=(7, 3), split=split)
    anthropic_wire.queue(script)

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "Grüße aus 東京 😀!"
    assert text_of(deltas, reasoning=True) == "Hm hm."
    assert [item["type"] for item in result.items] == ["reasoning", "message", "function_call"]
    assert msgspec.json.decode(result.items[2]["arguments"]) == {"at": "ü"}
    assert (result.usage.input_tokens, result.usage.output_tokens, result.finish_reason) == (7, 3, "tool_calls")


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    await deltas_of(adapter)

    seen = anthropic_wire.requests[0]
    assert seen.path == "/v1/messages"
    assert (seen.headers["x-api-key"], seen.headers["anthropic-version"]) == (KEY, "2026-10-21")
    assert set(seen.headers) == {
        "host",
        "accept",
        "accept-encoding",
        "anthropic-version",
        "content-type",
        "content-length",
        "user-agent",
        "x-api-key",
    }
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

        await deltas_of(registry.adapter("anthropic/m", credential_for(anthropic_wire))[0])

    headers = anthropic_wire.requests[0].headers
    assert headers["x-api-key"] == KEY
    assert "authorization" not in headers
    assert "of-the-operator" not in str(headers)


async def test_the_operators_key_is_lent(anthropic_wire: ChatWire) -> None:
    own = server_credentials(anthropic_api_key=KEY, anthropic_base_url=base_url(anthropic_wire), lend=["anthropic"])
    async with Registry(own, egress=LOCAL) as registry:
        assert registry.lent == ["anthropic"]
        await deltas_of(registry.adapter("anthropic/m")[0])

    assert anthropic_wire.requests[0].headers["x-api-key"] == KEY
    assert server_credentials(anthropic_api_key=KEY, lend=["openai"]) == {}


async def test_a_thought_comes_back_to_its_model_unchanged_and_to_nobody_else(
    registry: Registry, anthropic_wire: ChatWire
) -> None:
    adapter, model = registry.adapter("anthropic/claude-opus-5-5", credential_for(anthropic_wire))
    anthropic_wire.queue(answer(Thought("Hm, hm.", "sig"), Call("look")))
    first = msgspec.structs.replace(CALL, model=model)
    _, result = await deltas_of(adapter, first)
    output = {"type": "function_call_output", "call_id": result.items[1]["call_id"], "output": "seen"}
    second = msgspec.structs.replace(first, items=[*first.items, *result.items, output])
    other = Credential(
        provider="anthropic", base_url=base_url(anthropic_wire), api_key=ApiKey("sk-of-another"), lent=True
    )

    await deltas_of(adapter, second)
    await deltas_of(registry.adapter("anthropic/claude-opus-5-5", other)[0], second)

    kinds = [[block["type"] for block in seen.messages[1]["content"]] for seen in anthropic_wire.requests[1:]]
    assert kinds == [["thinking", "tool_use"], ["tool_use"]]
    thought = anthropic_wire.requests[1].messages[1]["content"][0]
    assert thought == {"type": "thinking", "thinking": "Hm, hm.", "signature": "sig"}


async def test_leaving_the_block_hangs_up_at_once(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    anthropic_wire.queue(answer("one two", anyio.Event(), usage=(77, 5)))

    async with adapter.stream(CALL) as stream:
        await anext(aiter(stream))
    left = time.perf_counter()
    await anthropic_wire.requests[0].hung_up.wait()

    assert time.perf_counter() - left < 0.1
    assert stream.upstream_closed
    usage = stream.partial_usage()
    assert (usage.source, usage.input_tokens) == ("estimated", 77)
    assert usage.output_tokens > 0
    with pytest.raises(RuntimeError):
        _ = stream.answer


async def test_cancelling_before_the_head_hangs_up(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    anthropic_wire.queue(Script((), silent=True))

    async def read() -> None:
        await deltas_of(adapter)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        seen = await anthropic_wire.request()
        cancelled = time.perf_counter()
        tasks.cancel_scope.cancel()

    await seen.hung_up.wait()
    assert time.perf_counter() - cancelled < 0.1


async def test_a_finished_call_leaves_its_connection_to_the_next(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    for _ in range(3):
        await deltas_of(adapter)

    assert anthropic_wire.connections == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "authentication"),
        (402, "permission"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (409, "server"),
        (413, "too_large"),
        (429, "rate_limit"),
        (500, "server"),
        (502, "server"),
        (503, "overloaded"),
        (504, "timeout"),
        (529, "overloaded"),
        (302, "malformed"),
    ],
)
async def test_a_status_has_its_kind(adapter: Adapter, anthropic_wire: ChatWire, status: int, reason: str) -> None:
    body = {"type": "error", "error": {"type": "some_error", "message": f"{KEY} leaked"}}
    anthropic_wire.queue(refusal(status, body, request_id="req_7", location="/elsewhere"))

    _, error = await failure_of(adapter)

    assert (error.reason, error.status, error.upstream_request_id) == (reason, status, "req_7")
    assert "leaked" not in str(error)
    assert len(anthropic_wire.requests) == 1


async def test_a_conversation_that_is_too_long_is_told_from_other_bad_requests(
    adapter: Adapter, anthropic_wire: ChatWire
) -> None:
    said = "prompt is too long: 208310 tokens > 200000 maximum"
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": said}}
    anthropic_wire.queue(refusal(400, body))

    _, error = await failure_of(adapter)

    assert error.reason == "too_large"
    assert said not in error.detail


@pytest.mark.parametrize("status", [429, 529])
async def test_who_is_refused_for_now_is_told_until_when(
    adapter: Adapter, anthropic_wire: ChatWire, status: int
) -> None:
    anthropic_wire.queue(refusal(status, None, retry_after="7"))

    _, error = await failure_of(adapter)

    assert (error.retry_after, error.retryable) == (7.0, True)


BODY = {"type": "error", "error": {"type": "rate_limit_error", "message": KEY}}


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(msgspec.json.encode(BODY), content_type="application/json"), "rate_limit"),
        (raw(b'{"detail":"what?"}', content_type="application/json"), "malformed"),
        (raw(b'{"half', content_type="application/json"), "malformed"),
        (raw(b"<html>Welcome</html>", content_type="text/html"), "malformed"),
        (raw(b"<html>Welcome</html>"), "cut"),
        (raw(begin(), failure("overloaded_error")), "overloaded"),
        (raw(begin(), failure("api_error")), "server"),
        (raw(begin(), b"data: {]\n\n"), "malformed"),
        (raw(begin(), b'data: {"type":"content_block_delta","delta":{"text":"\xc3"}}\n\n'), "malformed"),
        (raw(), "cut"),
        (raw(ending=Ending.STALL), "timeout"),
    ],
)
async def test_status_200_is_not_yet_an_answer(
    adapter: Adapter, anthropic_wire: ChatWire, script: Script, reason: str
) -> None:
    anthropic_wire.queue(script)

    assert (await failure_of(adapter))[1].reason == reason


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(Ending.DROP, "cut"), (Ending.RESET, "cut"), (Ending.STALL, "timeout"), (Ending.CLEAN, "cut")],
)
@pytest.mark.parametrize("last", [b"", stopped()])
async def test_a_stream_that_breaks_off_keeps_its_text(
    adapter: Adapter, anthropic_wire: ChatWire, ending: Ending, reason: str, last: bytes
) -> None:
    anthropic_wire.queue(raw(begin(), *block(0, "half an ans"), last, 0.01, ending=ending))

    text, error = await failure_of(adapter)

    assert (text, error.reason) == ("half an ans", reason)
    assert error.retryable


@pytest.mark.parametrize("ending", [Ending.CLEAN, Ending.DROP, Ending.STALL])
async def test_a_whole_answer_needs_no_orderly_end(adapter: Adapter, anthropic_wire: ChatWire, ending: Ending) -> None:
    anthropic_wire.queue(raw(*answer("whole").steps, ending=ending))

    deltas, result = await deltas_of(adapter)

    assert (text_of(deltas), result.finish_reason) == ("whole", "stop")


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    body = message([{"type": "text", "text": "whole"}], stop_reason="end_turn")
    anthropic_wire.queue(raw(msgspec.json.encode(body), content_type="application/json; charset=utf-8"))

    deltas, _ = await deltas_of(adapter)

    assert text_of(deltas) == "whole"


async def test_a_call_that_the_limit_cut_off_is_not_made(adapter: Adapter, anthropic_wire: ChatWire) -> None:
    anthropic_wire.queue(answer("So. ", Call("look", '{"at": "Zür'), stop="max_tokens"))

    _, result = await deltas_of(adapter)

    assert ([item["type"] for item in result.items], result.finish_reason) == (["message"], "length")
