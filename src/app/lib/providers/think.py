"""Telling `<think>…</think>` from the answer, in text that comes in any pieces.

Models that think aloud do so before they answer, so a tag counts only where no visible text came before it; later it
is text like any other (somebody may ask what the tag means). White space around the block belongs to neither side.
What was opened and never closed is reasoning to the end.
"""

from enum import Enum, auto

_OPEN = "<think>"
_CLOSE = "</think>"
_MOST_SPACE = 256
"""Longer white space at the beginning is text: nothing may be held back for ever."""


class _State(Enum):
    BEFORE = auto()
    INSIDE = auto()
    TEXT = auto()


class ThinkSplitter:
    def __init__(self) -> None:
        self._state = _State.BEFORE
        self._held = ""
        self._thought = False
        self._block_is_empty = True

    @property
    def over(self) -> bool:
        """Visible text has begun: what follows need not be fed any more."""
        return self._state is _State.TEXT

    def feed(self, text: str) -> list[tuple[str, bool]]:
        """Pieces that are certain by now, each with whether it is reasoning."""
        pieces: list[tuple[str, bool]] = []
        self._held += text
        while self._held and self._step(pieces):
            pass
        return pieces

    def end(self) -> list[tuple[str, bool]]:
        held, self._held = self._held, ""
        if not held or (self._thought and not held.strip()):
            return []
        return [(held, self._state is _State.INSIDE)]

    def _step(self, pieces: list[tuple[str, bool]]) -> bool:
        """Move on by one border. False when nothing more can be told from what is held."""
        if self._state is _State.INSIDE:
            return self._inside(pieces)
        if self._state is _State.TEXT:
            pieces.append((self._held, False))
            self._held = ""
            return False
        start = self._held.lstrip()
        if start.startswith(_OPEN):
            self._state = _State.INSIDE
            self._thought = self._block_is_empty = True
            self._held = start[len(_OPEN) :]
            return True
        if _OPEN.startswith(start) and len(self._held) < _MOST_SPACE:
            return False
        self._state = _State.TEXT
        if self._thought:
            self._held = start
        return True

    def _inside(self, pieces: list[tuple[str, bool]]) -> bool:
        thought, closed, rest = self._held.partition(_CLOSE)
        if not closed:
            keep = _overlap(thought, _CLOSE)
            rest = thought[len(thought) - keep :]
            thought = thought[: len(thought) - keep]
        if self._block_is_empty:
            thought = thought.lstrip()
        if thought:
            self._block_is_empty = False
            pieces.append((thought, True))
        self._held = rest
        if closed:
            self._state = _State.BEFORE
        return bool(closed)


def _overlap(text: str, tag: str) -> int:
    """How many characters at the end of `text` could be the beginning of `tag`."""
    for size in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-size:]):
            return size
    return 0
