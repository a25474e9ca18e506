"""What every wire must do alike, against a provider on a real socket."""

import time
from collections.abc import AsyncIterator

import anyio
import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.model import Adapter, Delta, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.dialects import DIALECTS, Dialect
from tests.wires.reading import answer_of, text_of
from tests.wires.script import Call, Ending, Script

LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})


@pytest.fixture(params=DIALECTS, ids=[dialect.provider for dialect in DIALECTS])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    found: Dialect = request.param
    return found


@pytest.fixture
async def wire(dialect: Dialect) -> AsyncIterator[ChatWire]:
    async with dialect.serve() as wire:
        yield wire


@pytest.fixture
async def adapter(dialect: Dialect, wire: ChatWire) -> AsyncIterator[Adapter]:
    async with Registry(timeouts=Timeouts(idle=5.0, tail=0.2), egress=LOCAL) as registry:
        yield registry.adapter(f"{dialect.provider}/{dialect.model}", dialect.credential(wire))[0]


@pytest.fixture
def call(dialect: Dialect) -> ModelCall:
    hello = {"role": "user", "content": "Hello?"}
    return ModelCall(model=dialect.model, instructions="Be.", items=[hello], tools=[LOOK])


async def test_an_answer_is_told_and_kept(adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect) -> None:
    parts = dialect.thought("Hm hm."), "Grüße aus 東京 😀!", Call("look", {"at": "ü"}), Call("look", {}, "call_2")
    wire.queue(dialect.answer(*parts, split="random"))

    deltas, result = await answer_of(adapter, call)

    assert text_of(deltas) == "Grüße aus 東京 😀!"
    assert text_of(deltas, reasoning=True) == "Hm hm."
    assert [item["type"] for item in result.items] == ["reasoning", "message", "function_call", "function_call"]
    assert [msgspec.json.decode(item["arguments"]) for item in result.items[2:]] == [{"at": "ü"}, {}]
    used = result.usage
    assert (used.input_tokens, used.output_tokens, used.source, result.finish_reason) == (
        10,
        5,
        "provider",
        "tool_calls",
    )


async def test_deltas_come_as_soon_as_their_bytes(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect
) -> None:
    gate = anyio.Event()
    wire.queue(dialect.answer("first", gate, "second"))

    async with adapter.stream(call) as stream:
        first = await anext(aiter(stream))
        gate.set()
        rest = [delta async for delta in stream]

    assert (first, text_of(rest)) == (Delta("first"), "second")


@pytest.mark.parametrize("most", [0, 1, 10])
async def test_what_is_taken_while_the_iteration_waits_does_not_come_again(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect, most: int
) -> None:
    wire.queue(dialect.answer(dialect.thought("Hm hm."), "One two three four.", gap=0.002))
    taken: list[Delta] = []

    def take(delta: Delta) -> bool:
        if len(taken) >= most:
            return False
        taken.append(delta)
        return True

    async with adapter.stream(call) as stream:
        stream.take = take
        rest = [delta async for delta in stream]

    assert len(taken) == min(most, len(taken) + len(rest))
    assert text_of(taken + rest) == "One two three four."
    assert text_of(taken + rest, reasoning=True) == "Hm hm."


async def test_a_failure_to_take_ends_the_answer_and_its_connection(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect
) -> None:
    wire.queue(dialect.answer("One two three four.", gap=0.01))

    def take(_: Delta) -> bool:
        raise LookupError

    async with adapter.stream(call) as stream:
        stream.take = take
        with pytest.raises(LookupError):
            await anext(aiter(stream))

    assert stream.upstream_closed


async def test_a_finished_call_leaves_its_connection_to_the_next_and_a_left_one_does_not(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect
) -> None:
    for _ in range(3):
        await answer_of(adapter, call)
    assert wire.connections == 1

    wire.queue(dialect.answer("one", anyio.Event()))
    async with adapter.stream(call) as stream:
        await anext(aiter(stream))
    await answer_of(adapter, call)

    assert wire.connections == 2


async def test_leaving_the_block_hangs_up_at_once(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect
) -> None:
    wire.queue(dialect.answer("one two", anyio.Event()))

    async with adapter.stream(call) as stream:
        await anext(aiter(stream))
    left = time.perf_counter()
    await wire.requests[0].hung_up.wait()

    assert time.perf_counter() - left < 0.1
    assert stream.upstream_closed
    usage = stream.partial_usage()
    assert usage.source == "estimated"
    assert usage.input_tokens > 0 < usage.output_tokens
    with pytest.raises(RuntimeError):
        _ = stream.answer


@pytest.mark.parametrize("silent", [True, False], ids=["before the head", "in the middle"])
async def test_cancelling_hangs_up_at_once(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect, *, silent: bool
) -> None:
    wire.queue(Script((), silent=True) if silent else dialect.answer("one two", anyio.Event()))
    stream = adapter.stream(call)

    async def read() -> None:
        async with stream as entered:
            async for _ in entered:
                pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        seen = await wire.request()
        cancelled = time.perf_counter()
        tasks.cancel_scope.cancel()
    await seen.hung_up.wait()

    assert time.perf_counter() - cancelled < 0.1
    assert stream.upstream_closed  # type: ignore[attr-defined]
    assert stream.partial_usage().input_tokens > 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("ending", [Ending.CLEAN, Ending.DROP, Ending.STALL])
async def test_a_whole_answer_needs_no_orderly_end(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect, ending: Ending
) -> None:
    whole = dialect.answer("whole")
    wire.queue(Script(whole.steps, headers=whole.headers, ending=ending))

    deltas, result = await answer_of(adapter, call)

    assert (text_of(deltas), result.finish_reason) == ("whole", "stop")


async def test_a_call_that_the_limit_cut_off_is_not_made(
    adapter: Adapter, call: ModelCall, wire: ChatWire, dialect: Dialect
) -> None:
    half = Call("look", '{"at": "Zür', "call_2")
    wire.queue(dialect.answer("So. ", Call("look", {"at": "a"}), half, **dialect.cut_off))

    _, result = await answer_of(adapter, call)

    assert [item["type"] for item in result.items] == ["message", "function_call"]
    assert (msgspec.json.decode(result.items[1]["arguments"]), result.finish_reason) == ({"at": "a"}, "length")
