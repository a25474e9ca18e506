"""The model `demo/conformance`: a script for the public conformance tests of A2A, keyed on how a message was called.

A message's id stands before its words, as `[id] words`, also where it answers what was asked. What each id asks for is
said by the tests (https://github.com/a2aproject/a2a-tck, `scenarios/`).
"""

import re
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.lowlevel
import msgspec

from app.lib.providers.decoding import estimated_tokens
from app.lib.providers.errors import TaskRejected
from app.lib.providers.identity import new_call_id, new_item_id
from app.lib.providers.model import Delta, ModelAnswer, ModelCall, TokenUsage

CONFORMANCE = "conformance"
_ID = re.compile(r"^\[([^\]]*)\] ")
_FILE = {"filename": "output.txt", "media_type": "text/plain"}
_LONG_WORDS = 10


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """What is done next: said piece by piece, or a tool called with."""

    pieces: tuple[str, ...] = ()
    waits: float = 0.0
    """Timeouts of the tests, before the first piece."""
    gap: float = 0.02
    """Timeouts of the tests, between two pieces."""
    tool: str = ""
    arguments: dict[str, Any] = {}
    rejects: bool = False


def _handed(part: dict[str, Any]) -> Line:
    return Line(tool="hand_out", arguments={"name": "output", "parts": [part]})


_ASKED = Line(tool="ask_user", arguments={"prompt": "What else is there to know?"})
_LINES = {
    "tck-delayed-complete": Line(waits=1, pieces=("Done after delay",)),
    "tck-input-required": _ASKED,
    "tck-auth-required": _ASKED,
    "tck-reject-task": Line(rejects=True),
    "tck-message-response": Line(pieces=("Direct message response",)),
    "tck-artifact-text": Line(pieces=("Generated text content",)),
    "tck-artifact-file-url": _handed({"url": "https://example.com/output.txt", **_FILE}),
    "tck-artifact-file": _handed({"raw": "dGNr", **_FILE}),
    "tck-artifact-data": _handed({"data": {"key": "value", "count": 42}}),
    "tck-stream-001": Line(pieces=("Stream hello from TCK",)),
    "tck-stream-003": Line(pieces=("Stream task lifecycle",)),
    "tck-stream-ordering-001": Line(pieces=("Ordered output",)),
    "tck-stream-artifact-text": Line(pieces=("Streamed text content",)),
    "tck-stream-artifact-file": _handed({"raw": "dGNr", **_FILE}),
    "tck-stream-artifact-chunked": Line(pieces=("chunk-1 ", "chunk-2")),
    "tck-": Line(pieces=("Hello from TCK",)),
    "test-resubscribe-message-id": Line(pieces=("Still here. ",) * _LONG_WORDS, gap=3 / _LONG_WORDS),
    "": _ASKED,
}
"""The first prefix that fits counts."""


def line_for(items: list[dict[str, Any]]) -> Line:
    """What the script says of a conversation."""
    asked = next(n for n in range(len(items) - 1, -1, -1) if items[n].get("role") == "user")
    calls = {item["call_id"]: item["name"] for item in items[asked:] if item.get("type") == "function_call"}
    if items[-1].get("type") == "function_call_output":
        if calls[items[-1]["call_id"]] != "ask_user":
            return Line()
        text = msgspec.json.decode(items[-1]["output"])["answer"]
    else:
        content = items[asked]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
    found = _ID.match(text)
    message_id = found[1] if found else ""
    return next(line for prefix, line in _LINES.items() if message_id.startswith(prefix))


class ConformanceWire:
    def __init__(self, timeout_seconds: float) -> None:
        """How long the tests wait for a stream: what they call long takes three times as long."""
        self._timeout_seconds = timeout_seconds

    def stream(self, call: ModelCall) -> "ConformanceAnswer":
        return ConformanceAnswer(line_for(call.items), self._timeout_seconds)


class ConformanceAnswer:
    """An AnswerStream."""

    def __init__(self, line: Line, timeout_seconds: float) -> None:
        self.upstream_closed = False
        self.take: Callable[[Delta], bool] | None = None
        self._line = line
        self._timeout_seconds = timeout_seconds
        self._said = 0
        self._ended = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.upstream_closed = not self._ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Delta:
        line = self._line
        await anyio.sleep(self._timeout_seconds * (line.gap if self._said else line.waits))
        if line.rejects:
            raise TaskRejected
        if self._said == len(line.pieces):
            self._ended = True
            raise StopAsyncIteration
        self._said += 1
        return Delta(line.pieces[self._said - 1])

    @property
    def answer(self) -> ModelAnswer:
        if not self._ended:
            raise RuntimeError("The answer is not finished.")
        line = self._line
        if line.tool:
            arguments = msgspec.json.encode(line.arguments).decode()
            call = {"type": "function_call", "call_id": new_call_id(), "name": line.tool, "arguments": arguments}
            return ModelAnswer(items=[call], usage=self.partial_usage(), finish_reason="tool_calls")
        message = {
            "type": "message",
            "id": new_item_id("msg"),
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "".join(line.pieces), "annotations": []}],
        }
        return ModelAnswer(items=[message], usage=self.partial_usage(), finish_reason="stop")

    def partial_usage(self) -> TokenUsage:
        made = estimated_tokens(sum(map(len, self._line.pieces[: self._said])) + 1)
        return TokenUsage(input_tokens=1, output_tokens=made, source="estimated")
