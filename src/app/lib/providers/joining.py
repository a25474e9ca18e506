"""Joining the pieces of one socket read, and keeping the whole of the answer."""

from app.lib.providers.model import Delta
from app.lib.providers.think import ThinkSplitter
from app.lib.providers.unicode import SurrogateJoiner

MOST_CHARACTERS = 4096
"""In one delta. An event is never cut again, so each connection of a slow reader holds whole ones."""


class AnswerText:
    """The visible text and the reasoning of one answer."""

    def __init__(self) -> None:
        self._think: ThinkSplitter | None = ThinkSplitter()
        self._pieces: list[str] = []
        self._reasoning = False
        self._deltas: list[Delta] = []
        self._joiners = (SurrogateJoiner(), SurrogateJoiner())
        self._whole: tuple[list[str], list[str]] = ([], [])
        self.size = 0
        self.began: list[bool] = []
        """Which kinds there are, in the order they began; True is reasoning."""

    def say(self, text: str) -> None:
        """Visible text, unless it is in a `<think>` block."""
        if self._think is None:
            self.add(text, reasoning=False)
            return
        for piece, reasoning in self._think.feed(text):
            self.add(piece, reasoning=reasoning)
        if self._think.over:
            self._think = None

    def add(self, text: str, *, reasoning: bool) -> None:
        if reasoning is not self._reasoning:
            self.flush()
            self._reasoning = reasoning
        self._pieces.append(text)

    def flush(self) -> list[bool]:
        """End the delta that is being joined; returns `began`."""
        if self._pieces:
            self._keep(self._joiners[self._reasoning].feed("".join(self._pieces)), reasoning=self._reasoning)
            self._pieces.clear()
        return self.began

    def take(self) -> list[Delta]:
        """The deltas since the last time."""
        self.flush()
        deltas, self._deltas = self._deltas, []
        return deltas

    def close(self) -> None:
        """No more will come: what was held back is let go."""
        if self._think is not None:
            for piece, reasoning in self._think.end():
                self.add(piece, reasoning=reasoning)
            self._think = None
        self.flush()
        for reasoning in (True, False):
            self._keep(self._joiners[reasoning].end(), reasoning=reasoning)

    def whole(self, *, reasoning: bool) -> str:
        return "".join(self._whole[reasoning])

    def _keep(self, text: str, *, reasoning: bool) -> None:
        if not text:
            return
        if reasoning not in self.began:
            self.began.append(reasoning)
        self._whole[reasoning].append(text)
        self.size += len(text)
        for start in range(0, len(text), MOST_CHARACTERS):
            self._deltas.append(Delta(text[start : start + MOST_CHARACTERS], reasoning))
