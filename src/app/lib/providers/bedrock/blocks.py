"""The content blocks of an answer, put together from their parts."""

from typing import Any

from app.lib.providers.bedrock.events import Part, ReasoningPart, ToolStart
from app.lib.providers.bedrock.sealed import Origin, reasoning_item
from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.identity import new_call_id, new_item_id
from app.lib.providers.unicode import repaired

_SERVER_TOOL = "server_tool_use"


class _Call:
    def __init__(self, start: ToolStart) -> None:
        self.name = start.name
        self.input: list[str] = []


class _Reasoning:
    def __init__(self) -> None:
        self.parts: list[ReasoningPart] = []


class _Text:
    """Where a block of the visible text is in it; all of it is one message."""

    def __init__(self, start: int) -> None:
        self.start = self.end = start
        self.cited: list[Any] = []

    def annotations(self) -> list[dict[str, Any]]:
        """The pages of the web that the block cites."""
        span = {"start_index": self.start, "end_index": self.end}
        return [
            {"type": "url_citation", "url": repaired(url), "title": repaired(title), **span}
            for url, title in map(_page, self.cited)
            if url
        ]


class Blocks:
    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._blocks: dict[int, _Call | _Reasoning | _Text | None] = {}
        self.size = 0
        self.arguments_size = 0
        self._said = 0

    def begin_call(self, index: int, start: ToolStart) -> None:
        # A tool that the provider runs itself is not ours to run.
        self._blocks[index] = None if start.type == _SERVER_TOOL else _Call(start)

    def add(self, index: int, part: Part) -> None:
        """Only calls have a start of their own; other blocks begin with their first part."""
        if part.reasoning_content is not None:
            block = self._blocks.setdefault(index, _Reasoning())
            if isinstance(block, _Reasoning):
                said = part.reasoning_content
                block.parts.append(said)
                self.size += len(said.text or "") + len(said.signature or "") + len(said.redacted_content or b"")
        elif part.tool_use is not None:
            block = self._blocks.get(index)
            if isinstance(block, _Call) and part.tool_use.input:
                block.input.append(part.tool_use.input)
                self.size += len(part.tool_use.input)
                self.arguments_size += len(part.tool_use.input)
        elif part.text or part.citation:
            block = self._blocks.get(index)
            if block is None:
                block = self._blocks[index] = _Text(self._said)
            if isinstance(block, _Text):
                self._said += len(part.text or "")
                block.end = self._said
                block.cited += [part.citation] if part.citation else []
            self.size += len(part.text or "")

    def items(self, text: str, *, whole: bool) -> list[dict[str, Any]]:
        """In the order they began. Unless the answer came to its own end, only calls that are whole."""
        items: list[dict[str, Any]] = []
        for block in self._blocks.values():
            if isinstance(block, _Call):
                arguments = repaired("".join(block.input))
                if whole or arguments_object(arguments) is not None:
                    items.append(_call_item(block.name, arguments))
            elif isinstance(block, _Reasoning):
                items.append(_reasoning_item(self._origin, block.parts))
            elif isinstance(block, _Text) and text:
                items.append(_message_item(text, self._annotations()))
                text = ""
        return items

    def _annotations(self) -> list[dict[str, Any]]:
        return [note for block in self._blocks.values() if isinstance(block, _Text) for note in block.annotations()]


def _page(citation: Any) -> tuple[str, str]:
    """Address and title."""
    try:
        url, title = citation["location"]["web"]["url"], citation.get("title")
    except (KeyError, TypeError, IndexError):
        return "", ""
    return (url if isinstance(url, str) else ""), (title if isinstance(title, str) else "")


def _reasoning_item(origin: Origin, parts: list[ReasoningPart]) -> dict[str, Any]:
    return reasoning_item(
        origin,
        "".join([part.text or "" for part in parts]),
        signature="".join([part.signature or "" for part in parts]),
        redacted=b"".join([part.redacted_content or b"" for part in parts]),
    )


def _call_item(name: str, arguments: str) -> dict[str, Any]:
    """Arguments that are no object are kept as they came; none at all is an empty object."""
    arguments = arguments if arguments.strip() else "{}"
    return {"type": "function_call", "call_id": new_call_id(), "name": repaired(name), "arguments": arguments}


def _message_item(text: str, annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "type": "message",
        "id": new_item_id("msg"),
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": text, "annotations": annotations}],
    }
