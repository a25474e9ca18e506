"""The content blocks of an answer, put together from their parts."""

from typing import Any

from app.lib.providers.anthropic.events import BlockDelta
from app.lib.providers.anthropic.thinking import Sealed, reasoning_item
from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.encoding import encoded
from app.lib.providers.identity import new_call_id, new_item_id
from app.lib.providers.unicode import repaired

TEXT, THINKING, REDACTED, CALL = "text", "thinking", "redacted_thinking", "tool_use"


class PendingBlock:
    def __init__(self, start: dict[str, Any]) -> None:
        self.kind = _text(start, "type")
        self.size = 0
        self._start = start
        self._pieces: list[str] = []
        self._signature = _text(start, "signature")
        self._citations: list[Any] = []
        self.add(_text(start, {TEXT: "text", THINKING: "thinking"}.get(self.kind, "")))

    def add(self, piece: str | None) -> str:
        """Take a piece of its text, thought or arguments in; returns it."""
        if piece:
            self._pieces.append(piece)
            self.size += len(piece)
        return piece or ""

    def note(self, delta: BlockDelta) -> None:
        """What belongs to a block without being its text."""
        if delta.signature:
            self._signature = delta.signature
        if delta.citation is not None:
            self._citations.append(delta.citation)

    @property
    def content(self) -> str:
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    @property
    def is_whole_call(self) -> bool:
        return arguments_object(self._arguments()) is not None

    def citations(self, at: int) -> list[dict[str, Any]]:
        """Those that point to a page of the web, for a text that begins `at` so many characters of its message."""
        span = {"start_index": at, "end_index": at + len(self.content)}
        return [
            {"type": "url_citation", "url": repaired(cited["url"]), "title": repaired(_text(cited, "title")), **span}
            for cited in self._citations
            if isinstance(cited, dict) and isinstance(cited.get("url"), str)
        ]

    def call_item(self) -> dict[str, Any]:
        """The finished call. Arguments that are no object are kept as they came; none at all is an empty object."""
        arguments = repaired(self._arguments()).strip() or "{}"
        name = repaired(_text(self._start, "name"))
        return {"type": "function_call", "call_id": new_call_id(), "name": name, "arguments": arguments}

    def thinking_item(self, *, origin: str, prefix: str) -> dict[str, Any]:
        if self.kind == REDACTED:
            return reasoning_item("", Sealed(origin, prefix, redacted=repaired(_text(self._start, "data"))))
        text = repaired(self.content)
        # A text that had to be changed does not fit its signature any more.
        signature = repaired(self._signature) if text == self.content else ""
        return reasoning_item(text, Sealed(origin, prefix, signature=signature))

    def _arguments(self) -> str:
        """Servers that do not stream a call's arguments send them with its beginning."""
        given = self._start.get("input")
        return self.content or (encoded(given).decode() if given else "")


def message_item(blocks: list[PendingBlock], refusal: str = "") -> dict[str, Any]:
    """One message of text blocks that follow one another: what is cited stands in blocks of its own."""
    text, annotations = "", []
    for block in blocks:
        annotations += block.citations(len(text))
        text += block.content
    content: list[dict[str, Any]] = []
    if text:
        content.append({"type": "output_text", "text": repaired(text), "annotations": annotations})
    if refusal:
        content.append({"type": "refusal", "refusal": refusal})
    return {
        "type": "message",
        "id": new_item_id("msg"),
        "role": "assistant",
        "status": "completed",
        "content": content,
    }


def _text(value: dict[str, Any], name: str) -> str:
    found = value.get(name)
    return found if isinstance(found, str) else ""
