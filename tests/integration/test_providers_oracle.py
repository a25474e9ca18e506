"""OpenAI's own client reads the same fake provider: what it makes of a stream, our wire must make of it too."""

from typing import Any

import openai
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import Call, Script, answer, chunk, event, raw

SPLITS: list[int | str | None] = [1, 7, "random", None]

Answer = tuple[str, list[tuple[str, str]], tuple[int, int] | None, str | None]
"""Text, calls, usage, finish reason."""


def scripts(split: int | str | None) -> dict[str, Script]:
    return {
        "text": answer("The quick brown fox — 速い狐 🦊 — jumps.", usage=(12, 9), split=split),
        "call": answer(Call("look", {"at": "Zürich", "n": 7}), usage=(5, 4), split=split),
        "calls": answer("Both. ", Call("look", {"at": "a"}), Call("listen", {"to": '"b"\n'}, "call_2"), split=split),
        "cut by length": answer("As long as", finish_reason="length", split=split),
        "filtered": answer("As good as", finish_reason="content_filter", split=split),
        "no usage": answer("Free.", usage=None, split=split),
    }


async def by_openai(wire: ChatWire) -> Answer:
    text, reason, usage = "", None, None
    calls: dict[int, list[str]] = {}
    async with openai.AsyncOpenAI(base_url=wire.url, api_key="k", max_retries=0) as client:
        stream = await client.chat.completions.create(
            model="m", messages=[{"role": "user", "content": "?"}], stream=True, stream_options={"include_usage": True}
        )
        async for piece in stream:
            if piece.usage:
                usage = piece.usage.prompt_tokens, piece.usage.completion_tokens
            for choice in piece.choices[:1]:
                text += choice.delta.content or ""
                reason = choice.finish_reason or reason
                for part in choice.delta.tool_calls or []:
                    call = calls.setdefault(part.index, ["", ""])
                    call[0] += (part.function and part.function.name) or ""
                    call[1] += (part.function and part.function.arguments) or ""
    return text, [(name, arguments) for name, arguments in calls.values()], usage, reason


async def by_us(wire: ChatWire) -> Answer:
    call = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "?"}])
    async with Registry(egress=LOCAL) as registry:
        credential = Credential(provider="openai", base_url=wire.url, api_key=ApiKey("k"))
        async with registry.adapter("openai/m", credential)[0].stream(call) as stream:
            text = "".join([delta.text async for delta in stream if not delta.reasoning])
    result = stream.answer
    calls = [(item["name"], item["arguments"]) for item in result.items if item["type"] == "function_call"]
    usage = (result.usage.input_tokens, result.usage.output_tokens) if result.usage.source == "provider" else None
    return text, calls, usage, result.finish_reason


@pytest.mark.parametrize("name", scripts(None))
@pytest.mark.parametrize("split", SPLITS)
async def test_both_clients_read_the_same(chat_wire: ChatWire, name: str, split: int | str | None) -> None:
    chat_wire.default = lambda _: scripts(split)[name]

    assert await by_us(chat_wire) == await by_openai(chat_wire)


@pytest.mark.parametrize("end", ["\n\n", "\r\n\r\n", "\r\r"])
async def test_both_clients_read_the_same_line_ends(chat_wire: ChatWire, end: str) -> None:
    pieces: list[dict[str, Any]] = [{"content": "one "}, {"content": "two"}]
    steps = b"".join([*(chunk(piece) for piece in pieces), chunk(finish_reason="stop"), b"data: [DONE]\n\n"])
    chat_wire.default = lambda _: raw(
        b": hello\n\n".replace(b"\n\n", end.encode()) + steps.replace(b"\n\n", end.encode())
    )

    ours = await by_us(chat_wire)

    assert ours == await by_openai(chat_wire)
    assert ours[0] == "one two"


async def test_where_the_official_client_takes_a_cut_for_an_end_we_do_not(chat_wire: ChatWire) -> None:
    chat_wire.default = lambda _: raw(chunk({"content": "half"}), event({"choices": []}))

    assert (await by_openai(chat_wire))[0] == "half"
    with pytest.raises(Exception, match="broke off"):
        await by_us(chat_wire)
