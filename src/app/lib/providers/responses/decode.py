"""From the bytes of a Responses stream to deltas and a finished answer.

The answer is whole when `response.completed` or `response.incomplete` was read; a stream that ends before was cut.
"""

from typing import Any

from app.lib.providers.decoding import MAX_KEPT, estimated_usage
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.joining import AnswerText
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage
from app.lib.providers.refusals import reported, trouble
from app.lib.providers.responses.events import Event, NotAnEvent, decode, decode_body
from app.lib.providers.responses.items import ORIGIN, Unsound, kept, refuses
from app.lib.providers.responses.outputs import Output, Outputs
from app.lib.providers.responses.usage import usage_of
from app.lib.providers.sse import Event as Framed
from app.lib.providers.sse import EventParser, EventTooLarge, is_sign_of_life
from app.lib.providers.unicode import repaired

Kind = ProviderErrorKind

_TEXT = {"response.output_text.delta", "response.refusal.delta"}
_REASONING = {"response.reasoning_summary_text.delta", "response.reasoning_text.delta"}
_ARGUMENTS = "response.function_call_arguments.delta"
_ENDS = {
    "response.completed": "completed",
    "response.incomplete": "incomplete",
    "response.failed": "failed",
    "response.cancelled": "cancelled",
}
_ERRORS = {"error", "response.error"}
_DONE = b"[DONE]"
"""Of the other API, but some servers end every stream so. It ends nothing here."""


class ResponsesDecoder:
    def __init__(self, provider: str, *, request_size: int, origin: str) -> None:
        self.failure: ProviderError | None = None
        self.settled = False
        self.done = False
        self._provider = provider
        self._request_size = request_size
        self._origin = origin
        self._parser = EventParser()
        self._text = AnswerText()
        self._outputs = Outputs()
        self._size = 0
        self._cut: str | None = None
        self._usage: Any = None
        self._response_id: str | None = None

    def feed(self, data: bytes) -> list[Delta]:
        if self.done or self.failure is not None:
            return []
        try:
            self._events(self._parser.feed(data))
        except EventTooLarge:
            self._fail(Kind.MALFORMED)
        return self._text.take()

    def feed_whole(self, body: bytes) -> list[Delta]:
        """A JSON body: an error with status 200, or the answer of a server that does not stream."""
        try:
            said = decode_body(body)
        except NotAnEvent:
            said = {}
        if said.get("error") and "output" not in said:
            self.failure = reported(self._provider, said["error"])
        else:
            self._end_with(said, "")
        return self._text.take()

    def end(self, why: ProviderErrorKind = Kind.CUT) -> list[Delta]:
        if self.done or self.failure is not None:
            return self._text.take()
        self._events(self._parser.end())
        # Half an event is what a cut looks like.
        if not self.done and (self.failure is None or self.failure.reason is Kind.MALFORMED):
            self.failure = trouble(self._provider, why)
        self._text.close()
        return self._text.take()

    def _fail(self, kind: Kind) -> None:
        self.failure = self.failure or trouble(self._provider, kind)

    def _events(self, events: list[Framed]) -> None:
        for name, data in events:
            if data.startswith(_DONE):
                continue
            try:
                event = decode(data)
                self._event(event, event.type or name.decode(errors="replace"))
            except NotAnEvent:
                if is_sign_of_life(name, data):
                    continue
                self._fail(Kind.SERVER if name == b"error" else Kind.MALFORMED)
            except Unsound:
                self._fail(Kind.MALFORMED)
            if self.failure is not None or self.done:
                return

    def _event(self, event: Event, kind: Any) -> None:
        if not isinstance(kind, str):
            return
        if isinstance(event.delta, str):
            self._delta(event, kind, event.delta)
        elif kind == "response.output_item.added":
            self._outputs.begin(event.output_index)
        elif kind == "response.output_item.done":
            self._item(event.output_index, event.item)
        elif kind in _ENDS:
            self._end_with(event.response, _ENDS[kind])
        elif kind in _ERRORS or (event.error and not event.type):
            self.failure = reported(self._provider, event.error or {"code": event.code})

    def _delta(self, event: Event, kind: str, delta: str) -> None:
        if kind in _TEXT:
            self._outputs.at(event.output_index).text.append(delta)
            self._text.add(delta, reasoning=False)
        elif kind in _REASONING:
            self._thought(self._outputs.at(event.output_index), event, kind, delta)
        elif kind == _ARGUMENTS:
            self._outputs.at(event.output_index).arguments.append(delta)
            self._grow(len(delta))
        if self._text.size > MAX_KEPT:
            self._fail(Kind.MALFORMED)

    def _thought(self, output: Output, event: Event, kind: str, delta: str) -> None:
        is_summary = event.summary_index is not None
        begins = output.begins_part(kind, event.summary_index if is_summary else event.content_index)
        if begins is None:
            return
        for piece in ("\n\n", delta) if begins else (delta,):
            output.thoughts.append(piece)
            self._text.add(piece, reasoning=True)

    def _item(self, index: Any, raw: Any) -> None:
        item = kept(raw)
        if item is None:
            return
        text, thoughts = self._outputs.to_finish(index, item).finish(item)
        if thoughts:
            self._text.add(thoughts, reasoning=True)
        if text:
            self._text.add(text, reasoning=False)
        self._grow(len(str(item)))

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_KEPT:
            self._fail(Kind.MALFORMED)

    def _end_with(self, response: Any, status: str) -> None:
        if not isinstance(response, dict):
            self._fail(Kind.MALFORMED)
            return
        self._usage = response.get("usage")
        self._response_id = repaired(response["id"]) if isinstance(response.get("id"), str) else None
        match response.get("status") or status:
            case "completed":
                self._complete(response, is_cut=False)
            case "incomplete":
                self._complete(response, is_cut=True)
            case "failed" | "cancelled":
                self.failure = reported(self._provider, response.get("error") or {})
            case _:
                self._fail(Kind.MALFORMED)

    def _complete(self, response: dict[str, Any], *, is_cut: bool) -> None:
        output = response.get("output")
        try:
            for index, item in self._outputs.missing(output if isinstance(output, list) else []):
                self._item(index, item)
        except Unsound:
            self._fail(Kind.MALFORMED)
        if self.failure is not None:
            return
        if is_cut:
            why = response.get("incomplete_details")
            reason = why.get("reason") if isinstance(why, dict) else None
            self._cut = "content_filter" if reason == "content_filter" else "length"
        self.done = self.settled = True
        self._text.close()

    def answer(self) -> ModelAnswer:
        """Calls that were cut off with the answer are left out: nobody may run half an argument."""
        items = self._outputs.results(cut=self._cut is not None)
        reason = self._cut
        if reason is None:
            has_calls = any(item["type"] == "function_call" for item in items)
            reason = "tool_calls" if has_calls else "refusal" if any(map(refuses, items)) else "stop"
        marked = [{**item, ORIGIN: self._origin} for item in items]
        return ModelAnswer(items=marked, usage=self.usage(), finish_reason=reason, response_id=self._response_id)

    def usage(self) -> TokenUsage:
        size = self._outputs.arguments_size
        return usage_of(self._usage) or estimated_usage(self._request_size, self._text, size)
