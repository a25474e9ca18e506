"""What a fake provider answers: written down before the request comes.

wire.queue(answer("Let me see. ", Call("search_todos", {"query": "milk"})))
wire.queue(answer("It is ", 0.05, "done.", usage=(12, 5)))
wire.queue(refusal(429, retry_after="7"))
wire.queue(answer("Half an ans", ending=Ending.RESET))
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import anyio
import msgspec


class Ending(Enum):
    CLEAN = auto()
    """The response ends as HTTP says, and the connection stays open."""
    DROP = auto()
    """The connection is closed in the middle of the response."""
    RESET = auto()
    """The connection is reset in the middle of the response."""
    STALL = auto()
    """Nothing more comes until the client hangs up."""


Step = bytes | float | anyio.Event
"""Bytes to write, seconds to wait, or something to wait for."""


@dataclass(frozen=True)
class Script:
    steps: tuple[Step, ...]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "text/event-stream"})
    split: int | str | None = None
    """How many bytes a write has at most; `"random"` for pieces of 1 to 50 bytes, always the same."""
    ending: Ending = Ending.CLEAN
    silent: bool = False
    """Not even a head comes until the client hangs up."""

    def pieces(self) -> Iterator[Step]:
        chance = random.Random(1)  # noqa: S311 - it shall be the same each time
        for step in self.steps:
            if not isinstance(step, bytes) or self.split is None:
                # A chunk of no bytes would be the end of the response.
                if step != b"":
                    yield step
                continue
            start = 0
            while start < len(step):
                size = chance.randint(1, 50) if isinstance(self.split, str) else self.split
                yield step[start : start + size]
                start += size


@dataclass(frozen=True)
class Reasoning:
    text: str
    field: str = "reasoning_content"


@dataclass(frozen=True)
class Call:
    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str = "call_1"


Part = str | Reasoning | Call | Step
DONE = b"data: [DONE]\n\n"


def event(value: Any) -> bytes:
    return b"data: %b\n\n" % msgspec.json.encode(value)


def chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **members: Any) -> bytes:
    """One event with one choice."""
    choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish_reason}]
    return event(
        {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "fake", "choices": choices, **members}
    )


def answer(
    *parts: Part,
    usage: tuple[int, int] | None = (10, 5),
    finish_reason: str | None = "",
    done: bool = True,
    gap: float | None = None,
    split: int | str | None = None,
    ending: Ending = Ending.CLEAN,
) -> Script:
    """A stream of one chunk a word, with what the real ones send around it. `gap` is a wait after each event.

    Without a finish reason of yours it is the one that fits; None leaves it out.
    """
    steps: list[Step] = [chunk({"role": "assistant", "content": ""})]
    calls = 0
    for part in parts:
        if isinstance(part, Call):
            steps += _call_events(part, calls)
            calls += 1
        elif isinstance(part, Reasoning):
            steps += [chunk({part.field: word}) for word in words(part.text)]
        elif isinstance(part, str):
            steps += [chunk({"content": word}) for word in words(part)]
        else:
            steps.append(part)
    if ending is Ending.CLEAN and finish_reason is not None:
        steps.append(chunk(finish_reason=finish_reason or ("tool_calls" if calls else "stop")))
        if usage is not None:
            steps.append(
                event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [], **_usage(*usage)})
            )
    if ending is Ending.CLEAN and done:
        steps.append(DONE)
    if gap:
        steps = [each for step in steps for each in ((step, gap) if isinstance(step, bytes) else (step,))]
    return Script(tuple(steps), split=split, ending=ending)


def refusal(status: int, body: Any = None, **headers: str) -> Script:
    """An error response. Headers as keywords: `retry_after="7"`."""
    said = body if body is not None else {"error": {"message": "sk-secret said: no", "type": "some_error"}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Script(
        (said if isinstance(said, bytes) else msgspec.json.encode(said),),
        status=status,
        headers={"content-type": "application/json"} | named,
    )


def listing(*models: str) -> Script:
    """What a provider answers to who asks which models there are."""
    body = {"object": "list", "data": [{"id": model, "object": "model"} for model in models]}
    return Script((msgspec.json.encode(body),), headers={"content-type": "application/json"})


def raw(*steps: Step, content_type: str = "text/event-stream", ending: Ending = Ending.CLEAN) -> Script:
    return Script(steps, headers={"content-type": content_type}, ending=ending)


def paced(chunks: int, gap: float) -> Script:
    """For benchmarks: so many chunks, one every `gap` seconds."""
    return answer("tok " * chunks, gap=gap)


def words(text: str) -> list[str]:
    """The text in pieces that begin with their space, as models make them."""
    pieces = text.split(" ")
    return [piece for piece in (pieces[0], *(f" {word}" for word in pieces[1:])) if piece]


def _call_events(call: Call, index: int) -> list[bytes]:
    arguments = call.arguments if isinstance(call.arguments, str) else msgspec.json.encode(call.arguments).decode()
    first = {"index": index, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    size = max(1, len(arguments) // 3)
    rest = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return [chunk({"tool_calls": [first]})] + [
        chunk({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}) for piece in rest
    ]


def _usage(prompt: int, completion: int) -> dict[str, Any]:
    return {"usage": {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}}
