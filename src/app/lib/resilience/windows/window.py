"""Sliding windows: how often somebody did something in the last minute, counted and taken in one step."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

WINDOW_SECONDS = 60


class WindowAway(Exception):
    """Nobody can be counted just now."""


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one more, or how things stand."""

    passed: bool
    used: int
    """In the window that ends now; with this one, where it passed."""
    wait: float
    """Seconds until the window has room, or more of it; 0 where it is empty."""


class Windows(Protocol):
    """Each key has a window of its own. A refusal takes nothing. All methods raise WindowAway."""

    async def take(self, key: str, member: str, limit: int) -> Taken: ...

    async def give_back(self, key: str, member: str) -> None:
        """As if it had never been taken."""
        ...

    async def look(self, key: str, limit: int) -> Taken:
        """Whether one would pass; it takes none."""
        ...


def standing(times: Sequence[float], now: float, limit: int, *, passed: bool) -> Taken:
    """Of the times in the window, the oldest first."""
    # Where the limit was lowered several must leave before there is room.
    leaves = min(max(len(times) - limit, 0), len(times) - 1)
    wait = times[leaves] + WINDOW_SECONDS - now if times else float(WINDOW_SECONDS * (limit <= 0))
    return Taken(passed=passed, used=len(times), wait=max(0.0, wait))
