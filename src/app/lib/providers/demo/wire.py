"""The provider `demo`: no key, no network, no model. It calls the tools it is offered and answers at a human pace."""

import re
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.lowlevel
import msgspec

from app.lib.providers.decoding import estimated_tokens
from app.lib.providers.demo.plan import Do, Step, next_step
from app.lib.providers.identity import new_call_id, new_item_id
from app.lib.providers.model import Delta, ModelAnswer, ModelCall, TokenUsage

PROVIDER = "demo"
_WORD = re.compile(r"\S+\s*|\s+")
_USUAL_LENGTH = 5
_THOUGHT = 5
"""How many words could have been said in the time that a call takes."""


class DemoWire:
    def __init__(self, *, words_per_second: float = 30.0) -> None:
        """Zero is as fast as possible."""
        self._words_per_second = words_per_second

    def stream(self, call: ModelCall) -> "DemoAnswer":
        return DemoAnswer(call, self._words_per_second)


class DemoAnswer:
    """An AnswerStream."""

    def __init__(self, call: ModelCall, words_per_second: float) -> None:
        self.upstream_closed = False
        self.take: Callable[[Delta], bool] | None = None
        self._call = call
        self._words_per_second = words_per_second
        self._words: Iterator[str] = iter(())
        self._said: list[str] = []
        self._step: Step | None = None
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # There is no connection; what counts is that nothing goes on being made.
        self.upstream_closed = not self._ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        if self._step is None:
            self._step = self._next_step()
            self._words = iter(() if isinstance(self._step, Do) else _WORD.findall(self._step.text))
            await self._pause(_THOUGHT)
        word = next(self._words, None)
        if word is None:
            self._ended = True
            raise StopAsyncIteration
        await self._pause((_USUAL_LENGTH + len(word)) / (2 * _USUAL_LENGTH))
        self._said.append(word)
        return Delta(word)

    async def _pause(self, words: float) -> None:
        if self._words_per_second:
            await anyio.sleep(words / self._words_per_second)
        else:
            await anyio.lowlevel.checkpoint()

    def _next_step(self) -> Step:
        tools = {tool.name for tool in self._call.tools} if self._call.tool_choice != "none" else set()
        return next_step(self._call.items, self._call.instructions or "", tools)

    @property
    def answer(self) -> ModelAnswer:
        if not self._ended:
            raise RuntimeError("The answer is not finished.")
        step = self._step
        items = [_call_item(step)] if isinstance(step, Do) else [_message_item("".join(self._said))]
        return ModelAnswer(
            items=items, usage=self.partial_usage(), finish_reason="tool_calls" if isinstance(step, Do) else "stop"
        )

    def partial_usage(self) -> TokenUsage:
        asked = sum(len(str(item)) for item in self._call.items) + len(self._call.instructions or "")
        made = len(str(self._step)) if isinstance(self._step, Do) else sum(map(len, self._said))
        return TokenUsage(
            input_tokens=estimated_tokens(asked), output_tokens=estimated_tokens(made), source="estimated"
        )


def _call_item(step: Do) -> dict[str, Any]:
    arguments = msgspec.json.encode(step.arguments).decode()
    return {"type": "function_call", "call_id": new_call_id(), "name": step.tool, "arguments": arguments}


def _message_item(text: str) -> dict[str, Any]:
    return {
        "type": "message",
        "id": new_item_id("msg"),
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": []}],
    }
