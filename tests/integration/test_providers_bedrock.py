"""The Bedrock wire against a provider on a real socket."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from app.lib.egress.policy import Policy
from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import BadKey, BadRegion, CredentialMissing, ProviderError
from app.lib.providers.model import Adapter, Delta, ModelAnswer, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.bedrock import (
    CONTENT_TYPE,
    Redacted,
    Thought,
    answer,
    base_url,
    delta,
    event,
    exception,
    fault,
    frame,
    is_signed,
    raw,
)
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, Script

KEY, KEY_ID = "very/secret+of=aws", "AKIAEXAMPLE"
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
CALL = ModelCall(model=MODEL, instructions="Be.", items=[{"role": "user", "content": "Hello?"}], tools=[LOOK])
DIRTY = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "of-the-operator", "AWS_SESSION_TOKEN": "of-op"}


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=1.0, tail=0.5), egress=Policy(["127.0.0.1"])) as registry:
        yield registry


def bearer(wire: ChatWire) -> Credential:
    return Credential(provider="bedrock", base_url=base_url(wire), api_key=ApiKey(KEY))


@pytest.fixture
def adapter(registry: Registry, bedrock_wire: ChatWire) -> Adapter:
    return registry.adapter(f"bedrock/{MODEL}", bearer(bedrock_wire))[0]


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
            async for each in stream:
                deltas.append(each)  # noqa: PERF401 - what came before the failure is wanted

    with pytest.raises(ProviderError) as caught:
        await read()
    assert KEY not in caught.value.detail
    assert "secret" not in caught.value.detail
    return text_of(deltas), caught.value


@pytest.mark.parametrize("split", [None, 1, 7, "random"])
async def test_an_answer_is_the_same_at_any_split(adapter: Adapter, bedrock_wire: ChatWire, split: Any) -> None:
    usage = {"inputTokens": 7, "outputTokens": 3, "totalTokens": 35, "cacheReadInputTokens": 20}
    usage["cacheWriteInputTokens"] = 5
    parts = Thought("Hm hm."), Redacted(), "Grüße aus 東京 😀!", Call("look", {"at": "ü"}), Call("look", {}, "call_2")
    bedrock_wire.queue(answer(*parts, usage=usage, split=split))

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "Grüße aus 東京 😀!"
    assert text_of(deltas, reasoning=True) == "Hm hm."
    assert [item["type"] for item in result.items] == ["reasoning"] * 2 + ["message"] + ["function_call"] * 2
    assert [msgspec.json.decode(item["arguments"]) for item in result.items[3:]] == [{"at": "ü"}, {}]
    assert (result.usage.input_tokens, result.usage.cached_tokens, result.usage.output_tokens) == (32, 20, 3)
    assert (result.usage.source, result.finish_reason) == ("provider", "tool_calls")


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    await deltas_of(adapter)

    seen = bedrock_wire.requests[0]
    assert seen.path == "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
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
        "system": [{"text": "Be."}],
        "messages": [{"role": "user", "content": [{"text": "Hello?"}]}],
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "look", "description": "Look.", "inputSchema": {"json": LOOK.parameters}}},
            ]
        },
    }


@pytest.mark.parametrize("model", [MODEL, "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x-1:0", "m"])
async def test_a_signed_request_is_what_aws_reckons_itself(
    registry: Registry, bedrock_wire: ChatWire, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name, value in {**DIRTY, "AWS_BEARER_TOKEN_BEDROCK": "of-op", "AWS_REGION": "us-west-2"}.items():
        monkeypatch.setenv(name, value)
    credential = Credential(
        provider="bedrock",
        base_url=base_url(bedrock_wire),
        api_key=ApiKey(KEY),
        access_key_id=KEY_ID,
        region="eu-central-1",
    )

    await deltas_of(registry.adapter(f"bedrock/{model}", credential)[0], msgspec.structs.replace(CALL, model=model))

    seen = bedrock_wire.requests[0]
    assert is_signed(seen, KEY)
    assert not is_signed(seen, "another")
    assert f"Credential={KEY_ID}/" in seen.headers["authorization"]
    assert "/eu-central-1/bedrock/aws4_request" in seen.headers["authorization"]
    assert KEY not in str(seen.headers)
    assert "of-op" not in str(seen.headers)
    assert "x-amz-security-token" not in seen.headers


@pytest.mark.parametrize(
    ("credential", "error"),
    [
        ({}, CredentialMissing),
        ({"base_url": "http://127.0.0.1:9", "region": "eu-central-1"}, CredentialMissing),
        ({"api_key": ApiKey(KEY)}, BadRegion),
        ({"api_key": ApiKey(KEY), "access_key_id": KEY_ID, "base_url": "http://127.0.0.1:9"}, BadRegion),
    ],
)
async def test_without_a_key_or_a_place_nobody_is_called(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, credential: dict[str, Any], error: type[Exception]
) -> None:
    for name, value in {**DIRTY, "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(error):
        registry.adapter("bedrock/m", Credential(provider="bedrock", **credential))


@pytest.mark.parametrize("region", ["evil.example/", "eu-central-1.evil.example", "eu_central_1", "169.254.169.254"])
def test_a_region_cannot_name_another_host(region: str) -> None:
    with pytest.raises(BadRegion):
        Credential(provider="bedrock", api_key=ApiKey(KEY), region=region)


def test_a_key_id_cannot_bring_a_header_along() -> None:
    with pytest.raises(BadKey):
        Credential(provider="bedrock", api_key=ApiKey(KEY), access_key_id="AKIA\r\nx: y")


async def test_what_a_model_thought_goes_back_to_it_unchanged(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(answer(Thought("Let me", signature="c2ln"), Redacted(b"\x00\xff"), Call("look")))
    _, first = await deltas_of(adapter)
    called = first.items[-1]["call_id"]
    output = {"type": "function_call_output", "call_id": called, "output": "seen"}

    await deltas_of(adapter, msgspec.structs.replace(CALL, items=[*CALL.items, *first.items, output]))

    assert bedrock_wire.requests[1].messages[1:] == [
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Let me", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "AP8="}},
                {"toolUse": {"toolUseId": called, "name": "look", "input": {}}},
            ],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": called, "content": [{"text": "seen"}]}}]},
    ]


async def test_deltas_come_as_soon_as_their_bytes(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    gate = anyio.Event()
    bedrock_wire.queue(answer("first", gate, "second"))

    async with adapter.stream(CALL) as stream:
        first = await anext(aiter(stream))
        gate.set()
        rest = [each async for each in stream]

    assert (first, text_of(rest)) == (Delta("first"), "second")


async def test_what_is_taken_while_the_iteration_waits_does_not_come_again(
    adapter: Adapter, bedrock_wire: ChatWire
) -> None:
    bedrock_wire.queue(answer("One two three four.", gap=0.01))
    taken: list[Delta] = []

    def take(each: Delta) -> bool:
        taken.append(each)
        return True

    async with adapter.stream(CALL) as stream:
        stream.take = take
        rest = [each async for each in stream]

    assert text_of(taken + rest) == "One two three four." == stream.answer.items[0]["content"][0]["text"]


async def test_a_finished_call_leaves_its_connection_to_the_next(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    for _ in range(3):
        await deltas_of(adapter)

    assert bedrock_wire.connections == 1


async def test_leaving_the_block_hangs_up_at_once(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(answer("one two", anyio.Event()))

    async with adapter.stream(CALL) as stream:
        await anext(aiter(stream))
    left = time.perf_counter()
    await bedrock_wire.requests[0].hung_up.wait()

    assert time.perf_counter() - left < 0.1
    assert stream.upstream_closed
    usage = stream.partial_usage()
    assert usage.source == "estimated"
    assert usage.input_tokens > 0 < usage.output_tokens


async def test_cancelling_before_the_head_hangs_up(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(Script((), silent=True))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                async with adapter.stream(CALL) as stream:
                    await anext(aiter(stream))

            tasks.start_soon(read)
            seen = await bedrock_wire.request()
            tasks.cancel_scope.cancel()
        await seen.hung_up.wait()


@pytest.mark.parametrize(
    ("status", "name", "reason"),
    [
        (400, "ValidationException", "bad_request"),
        (400, "ServiceQuotaExceededException", "rate_limit"),
        (401, "", "authentication"),
        (403, "AccessDeniedException", "permission"),
        (403, "UnrecognizedClientException", "authentication"),
        (403, "InvalidSignatureException", "authentication"),
        (403, "ExpiredTokenException", "authentication"),
        (404, "ResourceNotFoundException", "not_found"),
        (408, "ModelTimeoutException", "timeout"),
        (413, "", "too_large"),
        (424, "ModelErrorException", "server"),
        (424, "", "server"),
        (429, "ThrottlingException", "rate_limit"),
        (429, "ModelNotReadyException", "overloaded"),
        (500, "InternalServerException", "server"),
        (503, "ServiceUnavailableException", "overloaded"),
        (302, "", "malformed"),
    ],
)
async def test_a_status_and_its_name_have_a_kind(
    adapter: Adapter, bedrock_wire: ChatWire, status: int, name: str, reason: str
) -> None:
    bedrock_wire.queue(fault(status, name, location="/elsewhere"))

    _, error = await failure_of(adapter)

    assert (error.reason, error.status, error.upstream_request_id) == (reason, status, "req-7")
    assert len(bedrock_wire.requests) == 1


async def test_a_conversation_that_is_too_long_is_told_apart(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(fault(400, "ValidationException", "Input is too long for requested model."))

    assert (await failure_of(adapter))[1].reason == "too_large"


async def test_retry_after_is_seconds(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(fault(429, "ThrottlingException", retry_after="7"))

    assert (await failure_of(adapter))[1].retry_after == 7.0


GOOD = answer("half an ans", stop=None).steps
ERROR = frame(b"", message_type="error", error_code="internalError", error_message="no")


@pytest.mark.parametrize(
    ("after", "ending", "reason"),
    [
        (exception("throttlingException"), Ending.CLEAN, "rate_limit"),
        (exception("serviceUnavailableException"), Ending.CLEAN, "overloaded"),
        (exception("modelStreamErrorException"), Ending.CLEAN, "server"),
        (exception("internalServerException"), Ending.CLEAN, "server"),
        (exception("modelTimeoutException"), Ending.CLEAN, "timeout"),
        (exception("validationException"), Ending.CLEAN, "bad_request"),
        (exception("validationException", "Input is too long"), Ending.CLEAN, "too_large"),
        (exception("newException"), Ending.CLEAN, "server"),
        (ERROR, Ending.CLEAN, "server"),
        (frame(b"{]", event_type="contentBlockDelta", message_type="event"), Ending.CLEAN, "malformed"),
        (frame(b'{"usage":"\xc3"}', event_type="metadata", message_type="event"), Ending.CLEAN, "malformed"),
        (b"<html>Welcome to the proxy</html>", Ending.CLEAN, "malformed"),
        (event("messageStop", stopReason="malformed_tool_use"), Ending.CLEAN, "server"),
        (delta(0, text=" more")[:-1], Ending.CLEAN, "cut"),
        (delta(0, text=" more")[:9], Ending.CLEAN, "cut"),
        (b"", Ending.CLEAN, "cut"),
        (b"", Ending.DROP, "cut"),
        (b"", Ending.RESET, "cut"),
        (b"", Ending.STALL, "timeout"),
    ],
)  # fmt: skip
async def test_a_stream_that_breaks_off_keeps_its_text(
    adapter: Adapter, bedrock_wire: ChatWire, after: bytes, ending: Ending, reason: str
) -> None:
    bedrock_wire.queue(raw(*GOOD, 0.01, after, 0.01, ending=ending))

    text, error = await failure_of(adapter)

    assert (text, error.reason) == ("half an ans", reason)


@pytest.mark.parametrize("at", [0, 9, 20, 70, -1])
async def test_a_changed_bit_is_noticed(adapter: Adapter, bedrock_wire: ChatWire, at: int) -> None:
    broken = bytearray(delta(0, text=" and more of it, in a longer piece"))
    broken[at] ^= 1
    bedrock_wire.queue(raw(*GOOD, bytes(broken), event("messageStop", stopReason="end_turn")))

    text, error = await failure_of(adapter)

    assert (text, error.reason) == ("half an ans", "malformed")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(b'{"message":"sk-secret"}', content_type="application/json"), "malformed"),
        (raw(b'{"__type":"a.b#ThrottlingException"}', content_type="application/x-amz-json-1.1"), "rate_limit"),
        (raw(b"<html>Welcome</html>", content_type="text/html"), "malformed"),
        (raw(b"<html>Welcome</html>"), "malformed"),
        (raw(), "cut"),
        (raw(ending=Ending.STALL), "timeout"),
    ],
)
async def test_status_200_is_not_yet_an_answer(
    adapter: Adapter, bedrock_wire: ChatWire, script: Script, reason: str
) -> None:
    bedrock_wire.queue(script)

    assert (await failure_of(adapter))[1].reason == reason


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("guardrail_intervened", "content_filter"),
        ("content_filtered", "content_filter"),
        ("refusal", "refusal"),
        ("of_a_later_day", "stop"),
    ],
)
async def test_a_stop_reason_has_its_name(adapter: Adapter, bedrock_wire: ChatWire, stop: str, finish: str) -> None:
    bedrock_wire.queue(answer("Well.", stop=stop))

    assert (await deltas_of(adapter))[1].finish_reason == finish


@pytest.mark.parametrize("stop", ["max_tokens", "content_filtered"])
async def test_a_call_that_was_cut_off_is_not_run(adapter: Adapter, bedrock_wire: ChatWire, stop: str) -> None:
    bedrock_wire.queue(answer(Call("look", {"at": "a"}), Call("look", '{"at": "half', "call_2"), stop=stop))

    _, result = await deltas_of(adapter)

    assert [item["arguments"] for item in result.items] == ['{"at":"a"}']
    assert result.finish_reason in {"length", "content_filter"}


async def test_a_tool_that_the_provider_runs_is_not_ours(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    start = {"toolUse": {"toolUseId": "srv", "name": "search", "type": "server_tool_use"}}
    bedrock_wire.queue(
        raw(
            event("contentBlockStart", contentBlockIndex=0, start=start),
            delta(0, toolUse={"input": "{}"}),
            event("contentBlockStart", contentBlockIndex=1, start={"toolResult": {"toolUseId": "srv"}}),
            delta(1, toolResult=[{"text": "found"}]),
            delta(2, citation={"title": "?"}),
            event("ofALaterDay", what={"ever": 1}),
            frame(b"?", message_type="of-a-later-day"),
            delta(2, text="Found."),
            event("messageStop", stopReason="end_turn"),
        )
    )

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "Found."
    assert [item["type"] for item in result.items] == ["message"]


@pytest.mark.parametrize("ending", [Ending.CLEAN, Ending.DROP, Ending.STALL])
async def test_a_whole_answer_needs_no_orderly_end(adapter: Adapter, bedrock_wire: ChatWire, ending: Ending) -> None:
    bedrock_wire.queue(raw(delta(0, text="whole"), event("messageStop", stopReason="end_turn"), ending=ending))

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "whole"
    assert (result.finish_reason, result.usage.source) == ("stop", "estimated")


async def test_halves_of_a_character_are_joined(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    def piece(text: bytes) -> bytes:
        return frame(b'{"delta":{"text":"%b"}}' % text, event_type="contentBlockDelta", message_type="event")

    bedrock_wire.queue(raw(piece(rb"\ud83d"), piece(rb"\ude00"), event("messageStop", stopReason="end_turn")))

    deltas, _ = await deltas_of(adapter)

    assert text_of(deltas) == "😀"
    assert bedrock_wire.requests[0].headers["accept"] == CONTENT_TYPE
