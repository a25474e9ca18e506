"""From the bytes of a messages stream to deltas and a finished answer.

The answer is whole when `message_stop` was read; a stream that ends before was cut, however politely.
"""

from itertools import groupby
from typing import Any

import msgspec

from app.lib.providers.anthropic.blocks import CALL, REDACTED, TEXT, THINKING, PendingBlock, message_item
from app.lib.providers.anthropic.events import BlockDelta, Event, NotAnEvent, decode
from app.lib.providers.anthropic.usage import Counts
from app.lib.providers.decoding import MAX_KEPT, estimated_tokens
from app.lib.providers.encoding import encoded
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.joining import AnswerText
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage
from app.lib.providers.refusals import reported, trouble
from app.lib.providers.sse import Event as Sent
from app.lib.providers.sse import EventParser, EventTooLarge, is_sign_of_life
from app.lib.providers.unicode import repaired

Kind = ProviderErrorKind

_FINISH = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    # Only tools of the provider's own, which we do not offer, make it pause; its answer is not finished then.
    "pause_turn": "length",
    "refusal": "refusal",
}
_UNFINISHED = {"length", "refusal"}


class AnthropicDecoder:
    def __init__(self, provider: str, *, request_size: int, origin: str, prefix: str) -> None:
        """`origin` and `prefix` are kept with the thoughts of the answer."""
        self.failure: ProviderError | None = None
        self.settled = False
        self.done = False
        self._provider = provider
        self._request_size = request_size
        self._kept_with = {"origin": origin, "prefix": prefix}
        self._parser = EventParser()
        self._text = AnswerText()
        self._blocks: list[PendingBlock] = []
        self._open: dict[int, PendingBlock] = {}
        self._size = 0
        self._stop_reason: str | None = None
        self._refusal = ""
        self._counts = Counts()
        self._response_id: str | None = None
        self._answered = False

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
            message = msgspec.json.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            message = None
        if isinstance(message, dict) and message.get("error"):
            self.failure = reported(self._provider, message["error"])
        elif isinstance(message, dict) and message.get("type") == "message":
            self._events([(b"", encoded(event)) for event in _as_events(message)])
        else:
            self._fail(Kind.MALFORMED)
        return self._text.take()

    def end(self, why: ProviderErrorKind = Kind.CUT) -> list[Delta]:
        if not self.done and self.failure is None:
            self._events(self._parser.end())
            # Half an event is what a cut looks like.
            if not self.done and (self.failure is None or self.failure.reason is Kind.MALFORMED):
                self.failure = trouble(self._provider, why)
            self._text.close()
        return self._text.take()

    def _fail(self, kind: Kind) -> None:
        self.failure = self.failure or trouble(self._provider, kind)

    def _events(self, sent: list[Sent]) -> None:
        for name, data in sent:
            try:
                event = decode(data)
            except NotAnEvent:
                if is_sign_of_life(name, data):
                    continue
                self._fail(Kind.SERVER if name == b"error" else Kind.MALFORMED)
                return
            if event.error or b"error" in {name, (event.type or "").encode()}:
                self.failure = reported(self._provider, event.error or {})
                return
            self._event(event)
            if self.done or self.failure is not None:
                return

    def _event(self, event: Event) -> None:
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    self._delta(event.index, event.delta)
            case "content_block_start":
                if isinstance(event.content_block, dict):
                    self._begin(event.index, event.content_block)
            case "message_start":
                self._message_begins(event.message)
            case "message_delta":
                self._counts.add(event.usage, final=True)
                if event.delta is not None and event.delta.stop_reason:
                    self._stop(event.delta)
            case "message_stop":
                self._finish()

    def _message_begins(self, message: Any) -> None:
        self._answered = True
        if isinstance(message, dict):
            response_id = message.get("id")
            self._response_id = response_id if isinstance(response_id, str) else None
            self._counts.add(message.get("usage"), final=False)

    def _begin(self, index: int, start: dict[str, Any]) -> PendingBlock:
        self._answered = True
        block = self._open[index] = PendingBlock(start)
        self._blocks.append(block)
        if block.kind in {TEXT, THINKING} and block.size:
            self._text.add(block.content, reasoning=block.kind == THINKING)
        self._grow(block.size)
        return block

    def _delta(self, index: int, delta: BlockDelta) -> None:
        kind, piece = _KINDS.get(delta.type or "", ("", ""))
        # A server that leaves out the beginning of a text is understood.
        block = self._open.get(index) or self._begin(index, {"type": kind})
        if block.kind != kind:
            return
        text = block.add(getattr(delta, piece) if piece else None)
        block.note(delta)
        if text:
            if kind != CALL:
                self._text.add(text, reasoning=kind == THINKING)
            self._grow(len(text))

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > MAX_KEPT:
            self._fail(Kind.MALFORMED)

    def _stop(self, delta: BlockDelta) -> None:
        self._stop_reason = delta.stop_reason
        details = delta.stop_details
        # Who refuses before saying anything may still say why.
        if delta.stop_reason == "refusal" and isinstance(details, dict) and not self._said(TEXT):
            why = details.get("explanation")
            self._refusal = repaired(why) if isinstance(why, str) else ""
            self._text.add(self._refusal, reasoning=False)

    def _finish(self) -> None:
        if not self._answered:
            self._fail(Kind.MALFORMED)
            return
        self.done = self.settled = True
        self._text.close()

    def answer(self) -> ModelAnswer:
        """Calls that were cut off with the answer are left out: nobody may run half an argument."""
        reason = _FINISH.get(self._stop_reason or "", "stop")
        items: list[dict[str, Any]] = []
        for kind, blocks in groupby(self._kept_blocks(), lambda block: block.kind):
            match kind:
                case "text":
                    items.append(message_item(list(blocks)))
                case "tool_use":
                    items += [block.call_item() for block in blocks if reason not in _UNFINISHED or block.is_whole_call]
                case _:
                    items += [block.thinking_item(**self._kept_with) for block in blocks]
        if self._refusal:
            items.append(message_item([], self._refusal))
        if reason == "stop" and any(item["type"] == "function_call" for item in items):
            reason = "tool_calls"
        return ModelAnswer(items=items, usage=self.usage(), finish_reason=reason, response_id=self._response_id)

    def _kept_blocks(self) -> list[PendingBlock]:
        """Without empty texts, and without what nobody asked for, such as calls of the provider's own tools."""
        return [block for block in self._blocks if (block.kind == TEXT and block.size) or block.kind in _KEPT_EMPTY]

    def usage(self) -> TokenUsage:
        counted = self._counts.usage()
        if self._counts.is_final:
            return counted
        reasoning = estimated_tokens(self._said(THINKING))
        said = estimated_tokens(self._said(TEXT) + self._said(CALL)) + reasoning
        return msgspec.structs.replace(
            counted,
            input_tokens=counted.input_tokens or estimated_tokens(self._request_size),
            output_tokens=max(counted.output_tokens, said),
            reasoning_tokens=reasoning,
            source="estimated",
        )

    def _said(self, kind: str) -> int:
        return sum(len(block.content.encode(errors="replace")) for block in self._blocks if block.kind == kind)


_KINDS = {
    "text_delta": (TEXT, "text"),
    "thinking_delta": (THINKING, "thinking"),
    "input_json_delta": (CALL, "partial_json"),
    "signature_delta": (THINKING, ""),
    "citations_delta": (TEXT, ""),
}
_KEPT_EMPTY = {THINKING, REDACTED, CALL}


def _as_events(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A whole message as the stream it could have been."""
    content = message.get("content")
    blocks = content if isinstance(content, list) else []
    return [
        {"type": "message_start", "message": message},
        *(
            {"type": "content_block_start", "index": index, "content_block": block}
            for index, block in enumerate(blocks)
        ),
        {"type": "message_delta", "delta": _stop_of(message), "usage": message.get("usage")},
        {"type": "message_stop"},
    ]


def _stop_of(message: dict[str, Any]) -> dict[str, Any]:
    reason = message.get("stop_reason")
    return {"stop_reason": reason if isinstance(reason, str) else None, "stop_details": message.get("stop_details")}
