"""Sliding windows: how often somebody did something in the last minute, counted and taken in one step."""

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


def leaves_first(used: int, limit: int) -> int:
    """Which of so many, the oldest first, must leave before there is room: several where the limit was lowered."""
    return max(0, min(used - limit, used - 1))


def standing(used: int, leaves_at: float | None, now: float, limit: int, *, passed: bool) -> Taken:
    """Of so many in the window; the one that `leaves_first` names came at `leaves_at`."""
    wait = leaves_at + WINDOW_SECONDS - now if leaves_at is not None else float(WINDOW_SECONDS * (limit <= 0))
    return Taken(passed=passed, used=used, wait=max(0.0, wait))
