"""The chat wire against a provider on a real socket."""

from collections.abc import AsyncIterator

import anyio
import msgspec
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.model import Adapter, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.reading import ALWAYS_SENT, answer_of, text_of
from tests.wires.script import Ending, answer, chunk, raw

KEY = "sk-very-secret"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
CALL = ModelCall(model="some-model", instructions="Be.", items=[{"role": "user", "content": "Hello?"}], tools=[LOOK])


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=0.5, tail=0.2), egress=LOCAL) as registry:
        yield registry


@pytest.fixture
def adapter(registry: Registry, chat_wire: ChatWire) -> Adapter:
    credential = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY))
    return registry.adapter("openai/some-model", credential)[0]


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, chat_wire: ChatWire) -> None:
    await answer_of(adapter, CALL)

    seen = chat_wire.requests[0]
    assert seen.path == "/v1/chat/completions"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert set(seen.headers) == {*ALWAYS_SENT, "authorization"}
    assert seen.body["messages"] == [{"role": "system", "content": "Be."}, {"role": "user", "content": "Hello?"}]
    assert seen.body["stream_options"] == {"include_usage": True}


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
async def test_a_whole_answer_needs_no_end_marker(adapter: Adapter, chat_wire: ChatWire, ending: Ending) -> None:
    chat_wire.queue(raw(chunk({"content": "whole"}) + chunk(finish_reason="stop"), ending=ending))

    deltas, result = await answer_of(adapter, CALL)

    assert text_of(deltas) == "whole"
    assert result.finish_reason == "stop"


async def test_a_server_that_does_not_stream_is_understood(adapter: Adapter, chat_wire: ChatWire) -> None:
    body = {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1}}
    chat_wire.queue(raw(msgspec.json.encode(body), content_type="application/json; charset=utf-8"))

    deltas, _ = await answer_of(adapter, CALL)

    assert text_of(deltas) == "whole"


async def test_nobody_there_is_unreachable(registry: Registry) -> None:
    credential = Credential(provider="openai_compatible", base_url="http://127.0.0.1:9/v1")

    with pytest.raises(ProviderError) as caught:
        await answer_of(registry.adapter("openai_compatible/m", credential)[0], CALL)

    assert caught.value.reason is ProviderErrorKind.UNREACHABLE
    assert caught.value.detail == "openai_compatible could not be reached."


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
