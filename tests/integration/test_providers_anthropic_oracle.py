"""Anthropic's own client reads the same fake provider: what it makes of a stream, our wire must make of it too."""

from typing import Any

import anthropic
import msgspec
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.wires.anthropic import Cited, Redacted, Thought, answer, base_url, begin, block
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import Call, Script, raw

SPLITS: list[int | str | None] = [1, 7, "random", None]
FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "refusal": "refusal"}
PAGE = {
    "type": "web_search_result_location",
    "url": "https://a.example",
    "title": "A",
    "cited_text": "x",
    "encrypted_index": "e",
}

Read = tuple[str, str, list[str], list[tuple[str, Any]], list[tuple[str, str]], tuple[int, int, int, int], str]
"""Text, reasoning, what seals it, calls, citations, usage, finish reason."""


def scripts(split: int | str | None) -> dict[str, Script]:
    counts = {"output_tokens": 20, "output_tokens_details": {"thinking_tokens": 12}}
    cached = {
        "input_tokens": 10,
        "cache_read_input_tokens": 60,
        "cache_creation_input_tokens": 30,
        "output_tokens": 1,
    }
    return {
        "text": answer("The quick brown fox — 速い狐 🦊 — jumps.", usage=(12, 9), split=split),
        "call": answer(Call("look", {"at": "Zürich", "n": 7}), usage=(5, 4), split=split),
        "calls": answer("Both. ", Call("look", {}), Call("listen", {"to": '"b"\n'}, "call_2"), split=split),
        "thoughts": answer(Thought("Hm 🤔 hm."), Redacted(), "So. ", Thought("", "sig-2"), Call("look"), split=split),
        "counts": answer("Hi.", input_usage=cached, output_usage=counts, split=split),
        "citations": answer("See ", Cited("there", PAGE), ".", split=split),
        "cut by length": answer("As long as", stop="max_tokens", split=split),
        "refused": answer("I ca", stop="refusal", split=split),
        "nothing": answer(split=split),
    }


async def by_anthropic(wire: ChatWire) -> Read:
    async with (
        anthropic.AsyncAnthropic(base_url=base_url(wire), api_key="k", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as stream,
    ):
        message = await stream.get_final_message()
    blocks: list[Any] = list(message.content)
    usage = message.usage
    cached, written = usage.cache_read_input_tokens or 0, usage.cache_creation_input_tokens or 0
    reasoning = usage.output_tokens_details.thinking_tokens if usage.output_tokens_details else 0
    return (
        "".join(block.text for block in blocks if block.type == "text"),
        "".join(block.thinking for block in blocks if block.type == "thinking"),
        [getattr(block, "signature", None) or block.data for block in blocks if "thinking" in block.type],
        [(block.name, block.input) for block in blocks if block.type == "tool_use"],
        [(cited.url, cited.title) for block in blocks if block.type == "text" for cited in block.citations or []],
        (usage.input_tokens + cached + written, usage.output_tokens, reasoning, cached),
        FINISH[message.stop_reason or ""],
    )


async def by_us(wire: ChatWire) -> Read:
    call = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "?"}])
    async with Registry(egress=LOCAL) as registry:
        credential = Credential(provider="anthropic", base_url=base_url(wire), api_key=ApiKey("k"), lent=True)
        async with registry.adapter("anthropic/m", credential)[0].stream(call) as stream:
            deltas = [delta async for delta in stream]
    items, usage = stream.answer.items, stream.answer.usage
    sealed = [msgspec.json.decode(item["encrypted_content"][10:]) for item in items if item["type"] == "reasoning"]
    parts = [part for item in items if item["type"] == "message" for part in item["content"]]
    return (
        "".join(delta.text for delta in deltas if not delta.reasoning),
        "".join(delta.text for delta in deltas if delta.reasoning),
        [each.get("signature") or each["redacted"] for each in sealed],
        [(item["name"], msgspec.json.decode(item["arguments"])) for item in items if item["type"] == "function_call"],
        [(cited["url"], cited["title"]) for part in parts for cited in part["annotations"]],
        (usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens),
        stream.answer.finish_reason,
    )


@pytest.mark.parametrize("name", scripts(None))
@pytest.mark.parametrize("split", SPLITS)
async def test_both_clients_read_the_same(anthropic_wire: ChatWire, name: str, split: int | str | None) -> None:
    anthropic_wire.default = lambda _: scripts(split)[name]

    assert await by_us(anthropic_wire) == await by_anthropic(anthropic_wire)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
async def test_both_clients_read_the_same_line_ends(anthropic_wire: ChatWire, end: str) -> None:
    data = b": hello\n\n" + b"".join(step for step in answer("one two").steps if isinstance(step, bytes))
    line = end[: len(end) // 2].encode()
    anthropic_wire.default = lambda _: raw(data.replace(b"\n", line))

    ours = await by_us(anthropic_wire)

    assert ours == await by_anthropic(anthropic_wire)
    assert ours[0] == "one two"


async def test_where_the_official_client_takes_a_cut_for_an_end_we_do_not(anthropic_wire: ChatWire) -> None:
    anthropic_wire.default = lambda _: raw(begin(), *block(0, "half"))

    async with (
        anthropic.AsyncAnthropic(base_url=base_url(anthropic_wire), api_key="k", max_retries=0) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]) as stream,
    ):
        assert "".join([text async for text in stream.text_stream]) == "half"
    with pytest.raises(Exception, match="broke off"):
        await by_us(anthropic_wire)
