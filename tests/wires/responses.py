"""What a Responses server answers, in its bytes, played by the same sockets as the chat wire's.

wire.queue(answer(Thought("Hm.", sealed="gAAA"), Call("search_todos", {"query": "milk"})))
wire.queue(answer("Half an ans", incomplete="max_output_tokens"))
wire.queue(answer("Half an ans", ending=Ending.RESET))
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.wires.chat import ChatWire, Seen, chat_server
from tests.wires.script import Call, Ending, Script, Step, words


@dataclass(frozen=True)
class Thought:
    """A reasoning item: parts of a summary, or the reasoning itself where `raw`."""

    text: str | tuple[str, ...] = ()
    sealed: str | None = None
    raw: bool = False


@dataclass(frozen=True)
class Refusal:
    text: str


@dataclass(frozen=True)
class Hosted:
    """An item that the provider's own tools, or a later version of it, have made."""

    item: dict[str, Any]


Part = str | Thought | Refusal | Call | Hosted | Step


def event(kind: str, **members: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **members}))


def response(status: str, output: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
    """The whole object, as it is in some events and in the body of a server that does not stream."""
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "status": status,
        "model": "fake",
        "output": output,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "temperature": 1.0,
        "top_p": 1.0,
        "usage": None,
        **members,
    }


def usage_of(input_tokens: int, output_tokens: int, *, cached: int = 0, reasoning: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": input_tokens,
        "input_tokens_details": {"cached_tokens": cached, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": input_tokens + output_tokens,
    }


class _Stream:
    """The events of one answer, numbered, and the items that they add up to."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.output: list[dict[str, Any]] = []
        self._number = 0

    def say(self, kind: str, **members: Any) -> None:
        self.steps.append(event(kind, sequence_number=self._number, **members))
        self._number += 1

    def add(self, part: str | Thought | Refusal | Call | Hosted, *, cut: bool = False) -> None:
        index = len(self.output)
        at = {"output_index": index, "item_id": f"item_{index}"}
        match part:
            case str():
                item = self._message(at, {"type": "output_text", "text": part, "annotations": []}, "output_text", part)
            case Refusal():
                item = self._message(at, {"type": "refusal", "refusal": part.text}, "refusal", part.text)
            case Thought():
                item = self._thought(at, part)
            case Call():
                item = self._call(at, part)
            case Hosted():
                item = part.item
                self.say("response.output_item.added", output_index=index, item=item)
        if cut:
            item = {**item, "status": "incomplete"}
        self.say("response.output_item.done", output_index=index, item=item)
        self.output.append(item)

    def _message(self, at: dict[str, Any], whole: dict[str, Any], kind: str, text: str) -> dict[str, Any]:
        item = {"id": f"msg_{at['output_index']}", "type": "message", "role": "assistant", "status": "in_progress"}
        at = {**at, "item_id": item["id"]}
        member = "refusal" if kind == "refusal" else "text"
        self.say("response.output_item.added", output_index=at["output_index"], item={**item, "content": []})
        self.say("response.content_part.added", **at, content_index=0, part={**whole, member: ""})
        more: dict[str, Any] = {} if kind == "refusal" else {"logprobs": []}
        for word in words(text):
            self.say(f"response.{kind}.delta", **at, content_index=0, delta=word, obfuscation="xyz", **more)
        self.say(f"response.{kind}.done", **at, content_index=0, **{member: text}, **more)
        self.say("response.content_part.done", **at, content_index=0, part=whole)
        return {**item, "status": "completed", "content": [whole]}

    def _thought(self, at: dict[str, Any], part: Thought) -> dict[str, Any]:
        kind, index = ("reasoning_text", "content_index") if part.raw else ("reasoning_summary_text", "summary_index")
        item: dict[str, Any] = {"id": f"rs_{at['output_index']}", "type": "reasoning", "summary": []}
        at = {**at, "item_id": item["id"]}
        # What is sealed here is not the whole yet, as with the real one.
        begun = {**item, "encrypted_content": part.sealed[:3]} if part.sealed else item
        self.say("response.output_item.added", output_index=at["output_index"], item=begun)
        texts = (part.text,) if isinstance(part.text, str) else part.text
        for number, text in enumerate(texts):
            if not part.raw:
                empty = {"type": "summary_text", "text": ""}
                self.say("response.reasoning_summary_part.added", **at, summary_index=number, part=empty)
            for word in words(text):
                self.say(f"response.{kind}.delta", **at, **{index: number}, delta=word)
            self.say(f"response.{kind}.done", **at, **{index: number}, text=text)
            if not part.raw:
                whole = {"type": "summary_text", "text": text}
                self.say("response.reasoning_summary_part.done", **at, summary_index=number, part=whole)
        item["content" if part.raw else "summary"] = [
            {"type": "reasoning_text" if part.raw else "summary_text", "text": text} for text in texts
        ]
        return {**item, "encrypted_content": part.sealed} if part.sealed else item

    def _call(self, at: dict[str, Any], call: Call) -> dict[str, Any]:
        arguments = call.arguments if isinstance(call.arguments, str) else msgspec.json.encode(call.arguments).decode()
        item = {"id": f"fc_{at['output_index']}", "type": "function_call", "call_id": call.id, "name": call.name}
        at = {**at, "item_id": item["id"]}
        begun = {**item, "arguments": "", "status": "in_progress"}
        self.say("response.output_item.added", output_index=at["output_index"], item=begun)
        size = max(1, len(arguments) // 3)
        for start in range(0, len(arguments), size):
            self.say("response.function_call_arguments.delta", **at, delta=arguments[start : start + size])
        self.say("response.function_call_arguments.done", **at, name=call.name, arguments=arguments)
        return {**item, "arguments": arguments, "status": "completed"}


def answer(
    *parts: Part,
    usage: dict[str, Any] | tuple[int, int] | None = (10, 5),
    incomplete: str | None = None,
    gap: float | None = None,
    split: int | str | None = None,
    ending: Ending = Ending.CLEAN,
    done: bool = True,
) -> Script:
    """A stream of one delta a word. With `incomplete` the last part is cut off for that reason."""
    stream = _Stream()
    stream.say("response.created", response=response("in_progress", []))
    stream.say("response.in_progress", response=response("in_progress", []))
    for number, part in enumerate(parts, 1):
        if isinstance(part, str | Thought | Refusal | Call | Hosted):
            stream.add(part, cut=incomplete is not None and number == len(parts))
        else:
            stream.steps.append(part)
    if ending is Ending.CLEAN and done:
        status = "incomplete" if incomplete else "completed"
        details = {"reason": incomplete} if incomplete else None
        counts = usage_of(*usage) if isinstance(usage, tuple) else usage
        whole = response(status, stream.output, incomplete_details=details, usage=counts)
        stream.say(f"response.{status}", response=whole)
    steps = stream.steps
    if gap:
        steps = [each for step in steps for each in ((step, gap) if isinstance(step, bytes) else (step,))]
    return Script(tuple(steps), split=split, ending=ending)


def failed(error: dict[str, Any] | None) -> bytes:
    return event("response.failed", sequence_number=9, response=response("failed", [], error=error))


def _default(seen: Seen) -> Script:
    said = [item["content"] for item in seen.body["input"] if item.get("role") == "user"]
    words = said[-1] if isinstance(said[-1], str) else said[-1][-1]["text"]
    return answer(f"You said: {words}")


@asynccontextmanager
async def responses_server() -> AsyncIterator[ChatWire]:
    async with chat_server() as wire:
        wire.default = _default
        yield wire
