"""What a messages server answers, in its bytes, played by the same sockets as the chat wire's.

wire.queue(answer(Thought("Hm.", signature="sig"), Call("search_todos", {"query": "milk"})))
wire.queue(answer("Half an ans", stop="max_tokens"))
wire.queue(answer("Half an ans", ending=Ending.RESET))
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.wires.chat import ChatWire, Seen, chat_server
from tests.wires.script import Call, Ending, Script, Step, words

PING = b'event: ping\ndata: {"type": "ping"}\n\n'


@dataclass(frozen=True)
class Thought:
    text: str = ""
    signature: str | None = "c2lnbmVk"


@dataclass(frozen=True)
class Redacted:
    data: str = "c2VjcmV0"


@dataclass(frozen=True)
class Cited:
    text: str
    citation: dict[str, Any]


@dataclass(frozen=True)
class Other:
    """A block of a kind that nobody asked for, and a delta of it."""

    block: dict[str, Any]
    delta: dict[str, Any]


Block = str | Thought | Redacted | Cited | Other | Call
Part = Block | Step


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **members}))


def failure(kind: str, message: str = "sk-secret said: no") -> bytes:
    return event("error", error={"type": kind, "message": message}, request_id="req_1")


def message(content: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
    """The whole object, as it is in the body of a server that does not stream."""
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "fake",
        "content": content,
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
        **members,
    }


def begin(usage: dict[str, Any] | None = None) -> bytes:
    return event("message_start", message=message([], usage=usage or {"input_tokens": 10, "output_tokens": 1}))


def end(stop: str | None = "end_turn", usage: dict[str, Any] | None = None, **details: Any) -> bytes:
    """The last two events."""
    return stopped(stop, usage, **details) + event("message_stop")


def stopped(stop: str | None = "end_turn", usage: dict[str, Any] | None = None, **details: Any) -> bytes:
    delta = {"stop_reason": stop, "stop_sequence": None, "stop_details": details or None}
    return event("message_delta", delta=delta, usage=usage or {"output_tokens": 5})


def block(index: int, part: Block) -> list[bytes]:
    """One content block, with its beginning and its end."""
    start, deltas = _content_of(part)
    return [
        event("content_block_start", index=index, content_block=start),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def answer(
    *parts: Part,
    stop: str | None = "",
    input_usage: dict[str, Any] | None = None,
    output_usage: dict[str, Any] | None = None,
    usage: tuple[int, int] = (10, 5),
    gap: float | None = None,
    split: int | str | None = None,
    ending: Ending = Ending.CLEAN,
    done: bool = True,
    **details: Any,
) -> Script:
    """A stream of one delta a word. Without a stop reason of yours it is the one that fits."""
    steps: list[Step] = [begin(input_usage or {"input_tokens": usage[0], "output_tokens": 1}), PING]
    index = 0
    for part in parts:
        if isinstance(part, Block):
            steps += block(index, part)
            index += 1
        else:
            steps.append(part)
    if ending is Ending.CLEAN and done:
        calls = any(isinstance(part, Call) for part in parts)
        reason = ("tool_use" if calls else "end_turn") if stop == "" else stop
        counts = output_usage or {"output_tokens": usage[1]}
        steps += [stopped(reason, counts, **details), event("message_stop")]
    if gap:
        steps = [each for step in steps for each in ((step, gap) if isinstance(step, bytes) else (step,))]
    return Script(tuple(steps), split=split, ending=ending)


def _content_of(part: Block) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    match part:
        case str():
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": word} for word in words(part)]
        case Cited():
            said = [{"type": "text_delta", "text": word} for word in words(part.text)]
            return {"type": "text", "text": "", "citations": []}, [
                {"type": "citations_delta", "citation": part.citation},
                *said,
            ]
        case Thought():
            thought = [{"type": "thinking_delta", "thinking": word} for word in words(part.text)]
            signed = [{"type": "signature_delta", "signature": part.signature}] if part.signature else []
            return {"type": "thinking", "thinking": "", "signature": ""}, [*thought, *signed]
        case Redacted():
            return {"type": "redacted_thinking", "data": part.data}, []
        case Other():
            return part.block, [part.delta]
    arguments = part.arguments if isinstance(part.arguments, str) else msgspec.json.encode(part.arguments).decode()
    size = max(1, len(arguments) // 3)
    pieces = ["", *(arguments[at : at + size] for at in range(0, len(arguments), size))]
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return {"type": "tool_use", "id": part.id, "name": part.name, "input": {}}, deltas


def last_words(seen: Seen) -> str:
    """Of the user."""
    said = [each["content"][-1].get("text", "") for each in seen.messages if each["role"] == "user"]
    return str(said[-1]) if said else ""


def base_url(wire: ChatWire) -> str:
    return f"http://127.0.0.1:{wire.port}"


@asynccontextmanager
async def anthropic_server() -> AsyncIterator[ChatWire]:
    async with chat_server() as wire:
        wire.default = lambda seen: answer(f"You said: {last_words(seen)}")
        yield wire
