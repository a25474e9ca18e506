"""Putting tool calls together from their parts.

The protocol says: parts of one call share an `index`, the first has `id` and `name`, the rest pieces of `arguments`.
Servers in the wild leave out the index or the id, send index 0 for every call, send a call whole, or repeat the name.
"""

from typing import Any

import msgspec

from app.lib.providers.chat.chunks import ToolPart
from app.lib.providers.identity import new_call_id
from app.lib.providers.unicode import repaired


def arguments_object(text: str) -> dict[str, Any] | None:
    """The arguments as an object; None if they are not one (yet)."""
    try:
        value = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class PendingCall:
    def __init__(self, upstream_id: object) -> None:
        self.upstream_id = upstream_id
        self.name = ""
        self._arguments: list[str] = []

    @property
    def arguments(self) -> str:
        if len(self._arguments) > 1:
            self._arguments = ["".join(self._arguments)]
        return self._arguments[0] if self._arguments else ""

    @property
    def is_whole(self) -> bool:
        return arguments_object(self.arguments) is not None

    def add(self, part: ToolPart) -> int:
        """Take a part in; returns how many characters it added."""
        self.upstream_id = self.upstream_id or part.id
        function = part.function
        if function is None:
            return 0
        name = function.name or ""
        if name != self.name and not self._arguments:
            self.name += name
        text = function.arguments
        if isinstance(text, dict):
            text = msgspec.json.encode(text).decode()
        if not text:
            return 0
        self._arguments.append(text)
        return len(text)

    def item(self) -> dict[str, Any]:
        """The finished call. Arguments that are no object are kept as they came; none at all is an empty object."""
        arguments = repaired(self.arguments) if self.arguments.strip() else "{}"
        return {"type": "function_call", "call_id": new_call_id(), "name": repaired(self.name), "arguments": arguments}


class PendingCalls:
    def __init__(self) -> None:
        self._by_index: dict[int, PendingCall] = {}
        self._by_id: dict[str, PendingCall] = {}
        self._last: PendingCall | None = None

    def find(self, part: ToolPart, position: int) -> PendingCall | None:
        """The call that a part belongs to; None when it begins a new one. `position` is the part's in its chunk."""
        if part.index is None:
            return self._by_id.get(str(part.id)) if part.id else self._goes_on(part, position)
        known = self._by_index.get(part.index)
        return None if known is None or _is_another(known, part) else known

    def begin(self, part: ToolPart) -> PendingCall:
        call = self._last = PendingCall(part.id)
        if part.index is not None:
            self._by_index[part.index] = call
        elif part.id:
            self._by_id[str(part.id)] = call
        return call

    def _goes_on(self, part: ToolPart, position: int) -> PendingCall | None:
        """Without index and id, only a name can tell that a part begins another call."""
        name = part.function.name if part.function else None
        last = self._last
        if last is not None and name and (position > 0 or name != last.name or last.is_whole):
            return None
        return last


def _is_another(known: PendingCall, part: ToolPart) -> bool:
    """Whether a part uses the index of a call that it does not belong to."""
    name = part.function.name if part.function else None
    if not name or not part.id or not known.upstream_id or part.id == known.upstream_id:
        return False
    return known.is_whole or (name != known.name and not known.arguments)
