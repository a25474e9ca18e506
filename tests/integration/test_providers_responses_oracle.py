"""OpenAI's own client reads the same fake provider: what it makes of a stream, our wire must make of it too."""

from typing import Any

import openai
import pytest
from openai.types.responses import (
    Response,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseReasoningItem,
    ResponseUsage,
)

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.responses import Hosted, Refusal, Thought, answer, usage_of
from tests.wires.script import Call, Script

SPLITS: list[int | str | None] = [1, 7, "random", None]
SEARCH = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "q"}}

Answer = tuple[str, list[tuple[str, str]], list[tuple[str, str | None]], dict[str, int] | None, str]
"""Text, calls, reasoning with what is sealed of it, usage, finish reason."""


def scripts(split: int | str | None) -> dict[str, Script]:
    counts = usage_of(12, 9, cached=4, reasoning=3)
    both = [Call("look", {"at": "a"}), Call("listen", {"to": '"b"\n'}, "call_2")]
    return {
        "text": answer("The quick brown fox — 速い狐 🦊 — jumps.", usage=counts, split=split),
        "reasoning": answer(
            Thought(("**One**\n\nhm", "**Two** so"), sealed="gAAAA"), "Yes.", usage=counts, split=split
        ),
        "raw reasoning": answer(Thought("I think 速い.", raw=True), "Yes.", split=split),
        "sealed reasoning": answer(Thought(sealed="gAAAA"), Call("look", {"at": "Zürich", "n": 7}), split=split),
        "calls": answer("Both. ", *both, split=split),
        "refused": answer(Refusal("I must not."), split=split),
        "of the provider's own tools": answer(Thought("Hm."), Hosted(SEARCH), "Found.", split=split),
        "cut by length": answer("As long as", incomplete="max_output_tokens", split=split),
        "filtered": answer("As good as", incomplete="content_filter", split=split),
        "no usage": answer("Free.", usage=None, split=split),
    }


async def by_openai(wire: ChatWire) -> Answer:
    said: list[str] = []
    thought: dict[Any, str] = {}
    ended: Response | None = None
    async with (
        openai.AsyncOpenAI(base_url=wire.url, api_key="k", max_retries=0) as client,
        client.responses.stream(model="m", input="?") as stream,
    ):
        async for event in stream:
            if event.type in {"response.output_text.delta", "response.refusal.delta"}:
                said.append(event.delta)
            elif event.type == "response.reasoning_summary_text.delta":
                at = (event.output_index, event.summary_index)
                thought[at] = thought.get(at, "") + event.delta
            elif event.type == "response.reasoning_text.delta":
                at = (event.output_index, event.content_index)
                thought[at] = thought.get(at, "") + event.delta
            elif event.type in {"response.completed", "response.incomplete"}:
                ended = event.response
    assert ended is not None
    calls = [(item.name, item.arguments) for item in ended.output if isinstance(item, ResponseFunctionToolCall)]
    reasoning = [
        ("\n\n".join(text for (index, _), text in thought.items() if index == number), item.encrypted_content)
        for number, item in enumerate(ended.output)
        if isinstance(item, ResponseReasoningItem)
    ]
    return "".join(said), calls, reasoning, _counts(ended.usage) if ended.usage else None, _reason(ended)


def _counts(used: ResponseUsage) -> dict[str, int]:
    return {
        "input": used.input_tokens,
        "output": used.output_tokens,
        "cached": used.input_tokens_details.cached_tokens,
        "reasoning": used.output_tokens_details.reasoning_tokens,
    }


def _reason(ended: Response) -> str:
    if ended.incomplete_details is not None:
        return {"max_output_tokens": "length"}.get(str(ended.incomplete_details.reason), "content_filter")
    messages = [item for item in ended.output if isinstance(item, ResponseOutputMessage)]
    if any(isinstance(item, ResponseFunctionToolCall) for item in ended.output):
        return "tool_calls"
    return "refusal" if any(part.type == "refusal" for item in messages for part in item.content) else "stop"


async def by_us(wire: ChatWire) -> Answer:
    call = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "?"}])
    async with Registry(egress=LOCAL) as registry:
        credential = Credential(provider="openai_responses", base_url=wire.url, api_key=ApiKey("k"))
        async with registry.adapter("openai_responses/m", credential)[0].stream(call) as stream:
            deltas = [delta async for delta in stream]
    result = stream.answer
    text = "".join(delta.text for delta in deltas if not delta.reasoning)
    calls = [(item["name"], item["arguments"]) for item in result.items if item["type"] == "function_call"]
    reasoning = [
        ("\n\n".join(part["text"] for part in item.get("content") or item["summary"]), item.get("encrypted_content"))
        for item in result.items
        if item["type"] == "reasoning"
    ]
    assert "".join(delta.text for delta in deltas if delta.reasoning) == "".join(told for told, _ in reasoning)
    used = result.usage
    counts = {
        "input": used.input_tokens,
        "output": used.output_tokens,
        "cached": used.cached_tokens,
        "reasoning": used.reasoning_tokens,
    }
    return text, calls, reasoning, counts if used.source == "provider" else None, result.finish_reason


@pytest.mark.parametrize("name", scripts(None))
@pytest.mark.parametrize("split", SPLITS)
async def test_both_clients_read_the_same(responses_wire: ChatWire, name: str, split: int | str | None) -> None:
    responses_wire.default = lambda _: scripts(split)[name]

    assert await by_us(responses_wire) == await by_openai(responses_wire)


async def test_where_the_official_client_takes_a_cut_for_an_end_we_do_not(responses_wire: ChatWire) -> None:
    responses_wire.default = lambda _: answer("half", done=False)

    async with (
        openai.AsyncOpenAI(base_url=responses_wire.url, api_key="k", max_retries=0) as client,
        client.responses.stream(model="m", input="?") as stream,
    ):
        assert [event.type async for event in stream][-1] == "response.output_item.done"
    with pytest.raises(ProviderError, match="broke off"):
        await by_us(responses_wire)
