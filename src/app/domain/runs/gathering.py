"""Deltas that wait a moment for more of their kind, so that together they cost one event."""

import asyncio
from collections.abc import Callable

from app.lib.providers.model import Delta

MOST_CHARACTERS = 4096


class Gathering:
    """The first delta after a quiet while does not wait. `due` is called when those that wait have waited enough."""

    def __init__(self, due: Callable[[], None]) -> None:
        self._due = due
        self.parts: list[str] = []
        self.reasoning = False
        """What kind they are of."""
        self._size = 0
        self._told_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def takes(self, delta: Delta, window: float) -> bool:
        """Whether it waits; otherwise it is to be told now, after those that do."""
        if self.parts:
            # Without a timer their time came, and the log refused them.
            if window <= 0 or self._timer is None or delta.reasoning != self.reasoning:
                return False
            if self._size + len(delta.text) > MOST_CHARACTERS:
                return False
        elif window <= 0 or not self._begin(window):
            return False
        self.parts.append(delta.text)
        self.reasoning = delta.reasoning
        self._size += len(delta.text)
        return True

    def text(self) -> str:
        """What waits; it does not wait any longer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        return "".join(self.parts)

    def told(self) -> None:
        self.parts = []
        self._size = 0
        self._told_at = asyncio.get_running_loop().time()

    def _begin(self, window: float) -> bool:
        loop = asyncio.get_running_loop()
        wait = self._told_at + window - loop.time()
        if wait <= 0:
            self._told_at = loop.time()
            return False
        self._timer = loop.call_later(wait, self._over)
        return True

    def _over(self) -> None:
        self._timer = None
        self._due()
