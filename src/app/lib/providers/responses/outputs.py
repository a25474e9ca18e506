"""The items of one answer while they come: those that are finished, and what there is of the others."""

from typing import Any

from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.identity import new_item_id
from app.lib.providers.responses.items import reasoning_of, text_of
from app.lib.providers.unicode import repaired


class Output:
    def __init__(self) -> None:
        self.item: dict[str, Any] | None = None
        """As it was finished."""
        self.text: list[str] = []
        self.thoughts: list[str] = []
        self.arguments: list[str] = []
        self._part: tuple[str, Any] | None = None

    @property
    def arguments_size(self) -> int:
        called = self.item["arguments"] if self.item and self.item["type"] == "function_call" else ""
        return len(called) or sum(map(len, self.arguments))

    def begins_part(self, kind: str, index: Any) -> bool | None:
        """Whether a piece of reasoning begins another part. None: it repeats in other words what is being told."""
        part, self._part = self._part, self._part or (kind, index)
        if part is None or part == (kind, index):
            return False
        if part[0] != kind:
            return None
        self._part = (kind, index)
        return True

    def finish(self, item: dict[str, Any]) -> tuple[str, str]:
        """Take the finished item; returns the text and the reasoning in it that no delta has brought."""
        if item["type"] == "function_call" and not item["arguments"]:
            item["arguments"] = repaired("".join(self.arguments))
        self.item = item
        return _rest(self.text, text_of(item)), _rest(self.thoughts, reasoning_of(item))

    def result(self, *, cut: bool) -> dict[str, Any] | None:
        """The item, if it can be gone on with. In an answer that was cut off a call may lack its end."""
        item = self.item
        if item is None:
            text = repaired("".join(self.text))
            return _message(text) if text else None
        if item["type"] != "function_call":
            return item
        if cut and arguments_object(item["arguments"]) is None:
            return None
        return {**item, "arguments": item["arguments"] if item["arguments"].strip() else "{}"}


class Outputs:
    """In the order in which they began. The index is the server's, and some servers use one for several."""

    def __init__(self) -> None:
        self._all: list[Output] = []
        self._by_index: dict[int, Output] = {}

    def begin(self, index: Any) -> Output:
        output = Output()
        self._all.append(output)
        if isinstance(index, int):
            self._by_index[index] = output
        return output

    def at(self, index: Any) -> Output:
        found = self._by_index.get(index) if isinstance(index, int) else self._all[-1] if self._all else None
        return found or self.begin(index)

    def to_finish(self, index: Any, item: dict[str, Any]) -> Output:
        found = self.at(index)
        is_another = found.item is not None and found.item.get("id") != item.get("id")
        return self.begin(index) if is_another else found

    def missing(self, items: list[Any]) -> list[tuple[int, Any]]:
        """Which of the whole answer's items were not told of as finished."""
        finished = [output.item for output in self._all if output.item is not None]
        if len(finished) >= len(items):
            return []
        known = [item["id"] for item in finished if "id" in item]
        return [(n, item) for n, item in enumerate(items) if not isinstance(item, dict) or item.get("id") not in known]

    @property
    def arguments_size(self) -> int:
        return sum(output.arguments_size for output in self._all)

    def results(self, *, cut: bool) -> list[dict[str, Any]]:
        items = [output.result(cut=cut) for output in self._all]
        return [item for item in items if item is not None]


def _rest(told: list[str], whole: str) -> str:
    said = repaired("".join(told))
    rest = whole[len(said) :] if whole.startswith(said) else ""
    told.append(rest)
    return rest


def _message(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "type": "message",
        "id": new_item_id("msg"),
        "role": "assistant",
        "status": "incomplete",
        "content": content,
    }
