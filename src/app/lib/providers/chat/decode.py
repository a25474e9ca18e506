"""From the bytes of a chat-completions stream to deltas and a finished answer.

The answer is whole when a `finish_reason` or `[DONE]` was read; a stream that ends before was cut, however politely.
"""

from typing import Any

from app.lib.providers.chat.calls import PendingCall, PendingCalls
from app.lib.providers.chat.chunks import Choice, Chunk, Message, NotAChunk, ToolPart, decode
from app.lib.providers.chat.usage import usage_of
from app.lib.providers.decoding import MAX_KEPT, estimated_usage
from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.identity import new_item_id
from app.lib.providers.joining import AnswerText
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage
from app.lib.providers.refusals import reported, trouble
from app.lib.providers.sse import Event, EventParser, EventTooLarge, is_sign_of_life
from app.lib.providers.unicode import repaired

Kind = ProviderErrorKind

_DONE = b"[DONE]"
_FINISH = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content_filter",
    "safety": "content_filter",
    "sensitive": "content_filter",
    "refusal": "refusal",
}
_FAILED = {
    "error": Kind.SERVER,
    "network_error": Kind.SERVER,
    "insufficient_system_resource": Kind.OVERLOADED,
    "abort": Kind.CUT,
}
_UNFINISHED = {"length", "content_filter"}


class ChatDecoder:
    def __init__(self, provider: str, *, request_size: int) -> None:
        self.failure: ProviderError | None = None
        self.settled = False
        self.done = False
        self._provider = provider
        self._request_size = request_size
        self._parser = EventParser()
        self._text = AnswerText()
        self._calls = PendingCalls()
        self._order: list[PendingCall | bool] = []
        self._arguments_size = 0
        self._finish_reason: str | None = None
        self._refusal: list[str] = []
        self._usage: Any = None
        self._response_id: str | None = None
        self._answered = False

    def feed(self, data: bytes) -> list[Delta]:
        if self.done or self.failure is not None:
            return []
        try:
            self._events(self._parser.feed(data))
        except EventTooLarge:
            self._fail(Kind.MALFORMED)
        return self._take()

    def feed_whole(self, body: bytes) -> list[Delta]:
        """A JSON body: an error with status 200, or the answer of a server that does not stream."""
        self._events([(b"", body)])
        # It is all there is, with or without a reason.
        self.settled = self._answered
        if not self._answered:
            self._fail(Kind.MALFORMED)
        return self._take()

    def end(self, why: ProviderErrorKind = Kind.CUT) -> list[Delta]:
        if self.done or self.failure is not None:
            return self._take()
        if not self.settled:
            self._events(self._parser.end())
        # Half an event is what a cut looks like.
        if not self.settled and (self.failure is None or self.failure.reason is Kind.MALFORMED):
            self.failure = trouble(self._provider, why)
        self._text.close()
        return self._take()

    def _take(self) -> list[Delta]:
        deltas = self._text.take()
        if deltas:
            self._order_text()
        return deltas

    def _order_text(self) -> None:
        for kind in self._text.flush():
            if kind not in self._order:
                self._order.append(kind)

    def _fail(self, kind: Kind) -> None:
        # What cannot be read behind a whole answer takes nothing from it.
        if not self.settled:
            self.failure = self.failure or trouble(self._provider, kind)

    def _events(self, events: list[Event]) -> None:
        for name, data in events:
            if data.startswith(_DONE):
                self._finish()
                return
            try:
                chunk = decode(data)
            except NotAChunk:
                if not is_sign_of_life(name, data):
                    self._fail(Kind.SERVER if name == b"error" else Kind.MALFORMED)
                if self.failure is not None:
                    return
                continue
            if chunk.error or name == b"error":
                self.failure = reported(self._provider, chunk.error or {})
                return
            self._chunk(chunk)
            if self.failure is not None:
                return

    def _finish(self) -> None:
        if not self._answered:
            self._fail(Kind.MALFORMED)
            return
        self.done = self.settled = True
        self._text.close()

    def _chunk(self, chunk: Chunk) -> None:
        if chunk.usage:
            self._usage = chunk.usage
        elif isinstance(chunk.x_groq, dict):
            self._usage = chunk.x_groq.get("usage") or self._usage
            if why := chunk.x_groq.get("error"):
                self.failure = reported(self._provider, why)
        if not chunk.choices:
            if chunk.object == "error":
                self.failure = reported(self._provider, {"code": chunk.code})
            return
        choice = chunk.choices[0]
        if choice.index:
            return  # we ask for one answer; another one is not ours
        if not self._answered:
            self._answered = True
            self._response_id = repaired(chunk.id) if isinstance(chunk.id, str) else None
        message = choice.delta or choice.message
        if message is not None:
            self._message(message)
        if choice.finish_reason or choice.usage or choice.error:
            self._choice_ends(choice)

    def _choice_ends(self, choice: Choice) -> None:
        self._usage = choice.usage or self._usage
        reason = (choice.finish_reason or "").lower()
        if choice.error:
            self.failure = reported(self._provider, choice.error)
        elif reason in _FAILED:
            self._fail(_FAILED[reason])
        elif reason:
            self.settled = True
            self._finish_reason = _FINISH.get(reason, "stop")

    def _message(self, message: Message) -> None:
        content = message.content
        # The same reasoning comes under two names from some servers: the first one counts.
        reasoning = message.reasoning_content or message.reasoning or message.reasoning_text or message.thinking
        if reasoning and isinstance(reasoning, str):
            self._text.add(reasoning, reasoning=True)
        elif message.reasoning_details:
            self._details(message.reasoning_details)
        if content:
            if isinstance(content, str):
                self._text.say(content)
            else:
                self._parts(content)
        if message.refusal and isinstance(message.refusal, str):
            self._refusal.append(message.refusal)
            self._text.add(message.refusal, reasoning=False)
        if message.tool_calls:
            for position, part in enumerate(message.tool_calls):
                self._tool(part, position)
        elif message.function_call is not None:
            self._tool(ToolPart(index=0, function=message.function_call), 0)
        if self._text.size + self._arguments_size > MAX_KEPT:
            self._fail(Kind.MALFORMED)

    def _parts(self, content: Any) -> None:
        """Content as a list of typed parts, as Mistral's thinking models send it."""
        for part in content if isinstance(content, list) else []:
            if not isinstance(part, dict):
                continue
            if isinstance(text := part.get("text"), str):
                self._text.say(text)
            thinking = part.get("thinking")
            if isinstance(thinking, str):
                self._text.add(thinking, reasoning=True)
            else:
                self._details(thinking)

    def _details(self, details: Any) -> None:
        """Reasoning as a list of typed parts, some of which are sealed and say nothing."""
        for detail in details if isinstance(details, list) else []:
            text = detail.get("text") or detail.get("summary") if isinstance(detail, dict) else None
            if isinstance(text, str):
                self._text.add(text, reasoning=True)

    def _tool(self, part: ToolPart, position: int) -> None:
        call = self._calls.find(part, position)
        if call is None:
            # What was said before the call comes before it in the answer.
            self._order_text()
            call = self._calls.begin(part)
            self._order.append(call)
        self._arguments_size += call.add(part)

    def answer(self) -> ModelAnswer:
        """Calls that were cut off with the answer are left out: nobody may run half an argument."""
        reason = self._finish_reason or "stop"
        items: list[dict[str, Any]] = []
        for entry in self._order:
            if isinstance(entry, PendingCall):
                if reason not in _UNFINISHED or entry.is_whole:
                    items.append(entry.item())
            elif entry:
                items.append(_reasoning_item(self._text.whole(reasoning=True)))
            else:
                items.append(self._message_item())
        if reason in {"stop", "tool_calls"}:
            has_calls = any(item["type"] == "function_call" for item in items)
            reason = "tool_calls" if has_calls else "refusal" if self._refusal else "stop"
        return ModelAnswer(items=items, usage=self.usage(), finish_reason=reason, response_id=self._response_id)

    def usage(self) -> TokenUsage:
        """What a server tells of its usage with every chunk is not yet all of it."""
        said = usage_of(self._usage)
        if said is not None and self.settled:
            return said
        return estimated_usage(self._request_size, self._text, self._arguments_size, said)

    def _message_item(self) -> dict[str, Any]:
        text = self._text.whole(reasoning=False)
        refusal = repaired("".join(self._refusal))
        content: list[dict[str, Any]] = []
        if refusal and text.endswith(refusal):
            text = text.removesuffix(refusal)
            content.append({"type": "refusal", "refusal": refusal})
        if text:
            content.insert(0, {"type": "output_text", "text": text, "annotations": []})
        return {
            "type": "message",
            "id": new_item_id("msg"),
            "role": "assistant",
            "status": "completed",
            "content": content,
        }


def _reasoning_item(text: str) -> dict[str, Any]:
    return {"type": "reasoning", "id": new_item_id("rs"), "summary": [{"type": "summary_text", "text": text}]}
