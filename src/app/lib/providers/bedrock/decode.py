"""From the bytes of a ConverseStream response to deltas and a finished answer.

The answer is whole when `messageStop` was read; `metadata` behind it says what was used.
"""

from typing import Any

import msgspec

from app.lib.providers.bedrock.blocks import Blocks
from app.lib.providers.bedrock.events import Event, NotAnEvent, Part, decode
from app.lib.providers.bedrock.eventstream import Message, MessageParser
from app.lib.providers.bedrock.sealed import Origin
from app.lib.providers.decoding import MAX_KEPT, count_of, estimated_usage
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.faults import kind_of_fault
from app.lib.providers.joining import AnswerText
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage
from app.lib.providers.refusals import trouble

Kind = ProviderErrorKind

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
    "refusal": "refusal",
}
_EVENTS = {"contentBlockStart", "contentBlockDelta", "messageStop", "metadata"}
"""Those that say something to us."""
_FAILED = {"malformed_model_output", "malformed_tool_use"}


class _Fault(msgspec.Struct):
    name: str = msgspec.field(name="__type", default="")


class BedrockDecoder:
    def __init__(self, provider: str, *, origin: Origin, request_size: int) -> None:
        self.failure: ProviderError | None = None
        self.settled = False
        self.done = False
        self._provider = provider
        self._request_size = request_size
        self._parser = MessageParser()
        self._text = AnswerText()
        self._blocks = Blocks(origin)
        self._stop_reason = ""
        self._usage: Any = None

    def feed(self, data: bytes) -> list[Delta]:
        if self.done or self.failure is not None:
            return []
        messages, sound = self._parser.feed(data)
        for message in messages:
            self._message(message)
            if self.done or self.failure is not None:
                break
        if not sound and not self.settled:
            self._fail(Kind.MALFORMED)
        return self._text.take()

    def feed_whole(self, body: bytes) -> list[Delta]:
        """No answer of this protocol is JSON, so it is an error that some gateway sent with status 200."""
        try:
            fault = msgspec.json.decode(body, type=_Fault).name
        except ValueError:
            fault = ""
        self._fail(kind_of_fault(fault, body) or (Kind.SERVER if fault else Kind.MALFORMED))
        return []

    def end(self, why: ProviderErrorKind = Kind.CUT) -> list[Delta]:
        if not self.settled:
            self._fail(why)
        self._text.close()
        return self._text.take()

    def answer(self) -> ModelAnswer:
        """Calls that were cut off with the answer are left out: nobody may run half an argument."""
        reason = _FINISH.get(self._stop_reason, "stop")
        items = self._blocks.items(self._text.whole(reasoning=False), whole=reason == "stop")
        if reason == "stop" and any(item["type"] == "function_call" for item in items):
            reason = "tool_calls"
        return ModelAnswer(items=items, usage=self.usage(), finish_reason=reason)

    def usage(self) -> TokenUsage:
        size = self._blocks.arguments_size
        return _usage_of(self._usage) or estimated_usage(self._request_size, self._text, size)

    def _message(self, message: Message) -> None:
        kind = message.headers.get(":message-type")
        if kind in {"exception", "error"}:
            fault = message.headers.get(":exception-type") or message.headers.get(":error-code", "")
            self._fail(kind_of_fault(fault, message.payload) or Kind.SERVER)
        elif kind == "event" and (name := message.headers.get(":event-type", "")) in _EVENTS:
            try:
                self._event(name, decode(message.payload))
            except NotAnEvent:
                self._fail(Kind.MALFORMED)

    def _event(self, name: str, event: Event) -> None:
        if name == "contentBlockDelta":
            if event.delta is not None and not self.settled:
                self._say(event.content_block_index, event.delta)
        elif name == "contentBlockStart":
            if event.start is not None and event.start.tool_use is not None:
                self._blocks.begin_call(event.content_block_index, event.start.tool_use)
        elif name == "messageStop":
            self._stop(event.stop_reason)
        elif name == "metadata":
            self._usage = event.usage
            self.done = self.settled

    def _say(self, index: int, part: Part) -> None:
        if part.text:
            self._text.add(part.text, reasoning=False)
        elif part.reasoning_content is not None and part.reasoning_content.text:
            self._text.add(part.reasoning_content.text, reasoning=True)
        self._blocks.add(index, part)
        if self._blocks.size > MAX_KEPT:
            self._fail(Kind.MALFORMED)

    def _stop(self, reason: str) -> None:
        if reason in _FAILED:
            self._fail(Kind.SERVER)
            return
        self.settled = True
        self._stop_reason = reason
        self._text.close()

    def _fail(self, kind: Kind) -> None:
        # What goes wrong behind a whole answer takes nothing from it.
        if not self.settled:
            self.failure = self.failure or trouble(self._provider, kind)


def _usage_of(said: Any) -> TokenUsage | None:
    """What was read from a cache or written to one is not in `inputTokens`. None where nothing usable was said."""
    plain, output = count_of(said, "inputTokens"), count_of(said, "outputTokens")
    if plain is None or output is None:
        return None
    read, written = (count_of(said, f"cache{kind}InputTokens") or 0 for kind in ("Read", "Write"))
    return TokenUsage(input_tokens=plain + read + written, output_tokens=output, cached_tokens=read)
