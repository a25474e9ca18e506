"""The chat wire against a provider on a real socket."""

import time
from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.model import Adapter, Delta, ModelAnswer, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import Call, Ending, Reasoning, Script, answer, chunk, event, raw, refusal

KEY = "sk-very-secret"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
CALL = ModelCall(model="some-model", instructions="Be.", items=[{"role": "user", "content": "Hello?"}], tools=[LOOK])


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=1.0, tail=0.5), egress=LOCAL) as registry:
        yield registry


@pytest.fixture
def adapter(registry: Registry, chat_wire: ChatWire) -> Adapter:
    credential = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY))
    return registry.adapter("openai/some-model", credential)[0]


async def deltas_of(adapter: Adapter) -> tuple[list[Delta], ModelAnswer]:
    async with adapter.stream(CALL) as stream:
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
async def test_an_answer_is_the_same_at_any_split(adapter: Adapter, chat_wire: ChatWire, split: Any) -> None:
    chat_wire.queue(
        answer(Reasoning("Hm hm."), "Grüße aus 東京 😀!", Call("look", {"at": "ü"}), usage=(7, 3), split=split)
    )

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "Grüße aus 東京 😀!"
    assert text_of(deltas, reasoning=True) == "Hm hm."
    assert [item["type"] for item in result.items] == ["reasoning", "message", "function_call"]
    assert msgspec.json.decode(result.items[2]["arguments"]) == {"at": "ü"}
    assert (result.usage.input_tokens, result.usage.output_tokens, result.finish_reason) == (7, 3, "tool_calls")


@pytest.mark.parametrize("most", [0, 1, 10])
async def test_what_is_taken_while_the_iteration_waits_does_not_come_again(
    adapter: Adapter, chat_wire: ChatWire, most: int
) -> None:
    chat_wire.queue(answer("One two three four.", gap=0.01))
    taken: list[Delta] = []

    def take(delta: Delta) -> bool:
        if len(taken) >= most:
            return False
        taken.append(delta)
        return True

    async with adapter.stream(CALL) as stream:
        stream.take = take
        rest = [delta async for delta in stream]

    assert len(taken) == min(most, len(taken) + len(rest))
    assert text_of(taken + rest) == "One two three four." == stream.answer.items[0]["content"][0]["text"]


async def test_a_failure_to_take_ends_the_answer_and_its_connection(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One two three four.", gap=0.01))

    def take(_: Delta) -> bool:
        raise LookupError

    async with adapter.stream(CALL) as stream:
        stream.take = take
        with pytest.raises(LookupError):
            await anext(aiter(stream))

    assert stream.upstream_closed


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, chat_wire: ChatWire) -> None:
    await deltas_of(adapter)

    seen = chat_wire.requests[0]
    assert seen.path == "/v1/chat/completions"
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
    assert seen.body["messages"] == [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hello?"}]
    assert seen.body["stream_options"] == {"include_usage": True}


async def test_deltas_come_as_soon_as_their_bytes(adapter: Adapter, chat_wire: ChatWire) -> None:
    gate = anyio.Event()
    chat_wire.queue(answer("first", gate, "second"))

    async with adapter.stream(CALL) as stream:
        first = await anext(aiter(stream))
        gate.set()
        rest = [delta async for delta in stream]

    assert (first, text_of(rest)) == (Delta("first"), "second")


async def test_a_finished_call_leaves_its_connection_to_the_next(adapter: Adapter, chat_wire: ChatWire) -> None:
    for _ in range(3):
        await deltas_of(adapter)

    assert chat_wire.connections == 1


async def test_leaving_the_block_hangs_up_at_once(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("one two", anyio.Event()))

    async with adapter.stream(CALL) as stream:
        await anext(aiter(stream))
    left = time.perf_counter()
    await chat_wire.requests[0].hung_up.wait()

    assert time.perf_counter() - left < 0.1
    assert stream.upstream_closed
    usage = stream.partial_usage()
    assert usage.source == "estimated"
    assert usage.input_tokens > 0 < usage.output_tokens
    with pytest.raises(RuntimeError):
        _ = stream.answer


async def test_cancelling_in_the_middle_hangs_up(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("one two", anyio.Event()))
    streams = []

    async def read() -> None:
        async with adapter.stream(CALL) as stream:
            streams.append(stream)
            async for _ in stream:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        seen = await chat_wire.request()
        tasks.cancel_scope.cancel()

    with anyio.fail_after(1):
        await seen.hung_up.wait()
    assert streams[0].upstream_closed


async def test_cancelling_before_the_head_hangs_up(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(Script((), silent=True))
    stream = adapter.stream(CALL)

    with anyio.move_on_after(5) as scope:
        async with anyio.create_task_group() as tasks:

            async def read() -> None:
                async with stream as entered:
                    await anext(aiter(entered))

            tasks.start_soon(read)
            seen = await chat_wire.request()
            tasks.cancel_scope.cancel()
        await seen.hung_up.wait()

    assert not scope.cancelled_caught
    assert stream.upstream_closed  # type: ignore[attr-defined]
    assert stream.partial_usage().input_tokens > 0  # type: ignore[attr-defined]


async def test_the_connection_of_a_cancelled_call_is_not_used_again(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("one", anyio.Event()))
    async with adapter.stream(CALL) as stream:
        await anext(aiter(stream))

    deltas, _ = await deltas_of(adapter)

    assert text_of(deltas) == "You said: Hello?"
    assert chat_wire.connections == 2


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, "bad_request"),
        (401, "authentication"),
        (402, "permission"),
        (403, "permission"),
        (404, "not_found"),
        (408, "timeout"),
        (413, "too_large"),
        (422, "bad_request"),
        (429, "rate_limit"),
        (500, "server"),
        (502, "server"),
        (503, "overloaded"),
        (504, "timeout"),
        (529, "overloaded"),
        (302, "malformed"),
        (201, "malformed"),
    ],
)
async def test_a_status_has_its_kind(adapter: Adapter, chat_wire: ChatWire, status: int, reason: str) -> None:
    chat_wire.queue(
        refusal(status, {"error": {"message": f"{KEY} leaked"}}, x_request_id="req-7", location="/elsewhere")
    )

    _, error = await failure_of(adapter)

    assert (error.reason, error.status, error.upstream_request_id) == (reason, status, "req-7")
    assert "leaked" not in str(error)
    assert len(chat_wire.requests) == 1


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"error": {"code": "context_length_exceeded"}}, "too_large"),
        ({"error": {"code": "model_not_found"}}, "not_found"),
        ({"error": {"code": "invalid_api_key"}}, "authentication"),
        ({"error": "?"}, "bad_request"),
        (b"<html>", "bad_request"),
        (b"\xff" * 200_000, "bad_request"),
    ],
)
async def test_a_bad_request_may_say_why(adapter: Adapter, chat_wire: ChatWire, body: Any, reason: str) -> None:
    chat_wire.queue(refusal(400, body))

    assert (await failure_of(adapter))[1].reason == reason


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry_after": "7"}, 7.0),
        ({"retry_after_ms": "250"}, 0.25),
        ({"retry_after": "Sat, 21 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry_after": "Sat, 21 Nov 2020 12:00:30 GMT"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({"retry_after": "inf"}, None),
        ({}, None),
    ],
)
async def test_retry_after_is_seconds(
    adapter: Adapter, chat_wire: ChatWire, headers: dict[str, str], seconds: float | None
) -> None:
    chat_wire.queue(refusal(429, None, **headers))

    assert (await failure_of(adapter))[1].retry_after == seconds


async def test_a_request_id_that_holds_the_key_is_not_kept(adapter: Adapter, chat_wire: ChatWire) -> None:
    chat_wire.queue(refusal(500, None, x_request_id=f"req-{KEY}"))

    assert (await failure_of(adapter))[1].upstream_request_id is None


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (raw(event({"error": {"type": "rate_limit_error"}}), content_type="application/json"), "malformed"),
        (raw(b'{"error":{"code":"rate_limit_exceeded"}}', content_type="application/json"), "rate_limit"),
        (raw(b'{"detail":"what?"}', content_type="application/json"), "malformed"),
        (raw(b"<html>Welcome</html>", content_type="text/html"), "malformed"),
        (raw(b"<html>Welcome</html>"), "cut"),
        (raw(event({"error": {"code": 503}})), "overloaded"),
        (raw(b"event: error\ndata: {}\n\n"), "server"),
        (raw(b"data: {]\n\n"), "malformed"),
        (raw(b'data: {"choices":[{"delta":{"content":"\xc3"}}]}\n\n'), "malformed"),
        (raw(), "cut"),
        (raw(ending=Ending.STALL), "timeout"),
    ],
)
async def test_status_200_is_not_yet_an_answer(
    adapter: Adapter, chat_wire: ChatWire, script: Script, reason: str
) -> None:
    chat_wire.queue(script)

    assert (await failure_of(adapter))[1].reason == reason


@pytest.mark.parametrize(
    ("ending", "reason"),
    [(Ending.DROP, "cut"), (Ending.RESET, "cut"), (Ending.STALL, "timeout"), (Ending.CLEAN, "cut")],
)
async def test_a_stream_that_breaks_off_keeps_its_text(
    adapter: Adapter, chat_wire: ChatWire, ending: Ending, reason: str
) -> None:
    chat_wire.queue(answer("half an ans", 0.01, ending=ending, finish_reason=None, done=False))

    text, error = await failure_of(adapter)

    assert (text, error.reason) == ("half an ans", reason)
    assert error.retryable


async def test_a_stalled_stream_is_closed_by_us_and_a_cut_one_is_not(adapter: Adapter, chat_wire: ChatWire) -> None:
    closed = {}
    for ending in (Ending.STALL, Ending.DROP):
        chat_wire.queue(answer("half", ending=ending))
        with pytest.raises(ProviderError):
            async with adapter.stream(CALL) as stream:
                _ = [delta async for delta in stream]
        closed[ending] = stream.upstream_closed

    assert closed == {Ending.STALL: True, Ending.DROP: False}


@pytest.mark.parametrize("ending", [Ending.CLEAN, Ending.DROP, Ending.STALL])
async def test_a_whole_answer_needs_no_orderly_end(adapter: Adapter, chat_wire: ChatWire, ending: Ending) -> None:
    chat_wire.queue(raw(chunk({"content": "whole"}) + chunk(finish_reason="stop"), ending=ending))

    deltas, result = await deltas_of(adapter)

    assert text_of(deltas) == "whole"
    assert result.finish_reason == "stop"


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, chat_wire: ChatWire) -> None:
    body = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    chat_wire.queue(raw(msgspec.json.encode(body), content_type="application/json; charset=utf-8"))

    deltas, _ = await deltas_of(adapter)

    assert text_of(deltas) == "whole"


async def test_nobody_there_is_unreachable(registry: Registry) -> None:
    credential = Credential(provider="openai_compatible", base_url="http://127.0.0.1:9/v1")

    _, error = await failure_of(registry.adapter("openai_compatible/m", credential)[0])

    assert error.reason is ProviderErrorKind.UNREACHABLE
    assert error.detail == "openai_compatible could not be reached."


async def test_fifty_calls_at_once_do_not_mix(chat_wire: ChatWire) -> None:
    said: dict[int, str] = {}
    credential = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY))

    async def ask(adapter: Adapter, number: int) -> None:
        call = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": f"I am {number}"}])
        async with adapter.stream(call) as stream:
            said[number] = text_of([delta async for delta in stream])

    async with Registry(egress=LOCAL) as registry, anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(ask, registry.adapter("openai/some-model", credential)[0], number)

    assert said == {number: f"You said: I am {number}" for number in range(50)}
