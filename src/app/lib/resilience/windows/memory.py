"""Windows of one process that has no other beside it."""

from itertools import islice, takewhile

from app.lib.clock import Clock
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, leaves_first, standing


class MemoryWindows:
    """Nothing is awaited between counting and taking. Whoever was quiet for a window is forgotten."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._windows: dict[str, dict[str, float]] = {}
        """The member's times by key, the oldest first; the keys by when they were last used."""

    async def take(self, key: str, member: str, limit: int) -> Taken:
        now = self._clock.monotonic()
        window = self._current(key, now)
        passed = len(window) < limit
        if passed:
            window[member] = now
            self._windows.pop(key, None)
            self._windows[key] = window
            self._forget_quiet(now)
        return _standing(window, now, limit, passed=passed)

    async def give_back(self, key: str, member: str) -> None:
        self._windows.get(key, {}).pop(member, None)

    async def look(self, key: str, limit: int) -> Taken:
        now = self._clock.monotonic()
        window = self._current(key, now)
        return _standing(window, now, limit, passed=len(window) < limit)

    def _current(self, key: str, now: float) -> dict[str, float]:
        window = self._windows.get(key, {})
        for member in [*takewhile(lambda member: window[member] <= now - WINDOW_SECONDS, window)]:
            del window[member]
        return window

    def _forget_quiet(self, now: float) -> None:
        """A few at a time, each time somebody passes: so there are never many more than are in use."""
        for key in [*islice(self._windows, 2)]:
            if not self._current(key, now):
                del self._windows[key]


def _standing(window: dict[str, float], now: float, limit: int, *, passed: bool) -> Taken:
    leaves_at = next(islice(window.values(), leaves_first(len(window), limit), None), None)
    return standing(len(window), leaves_at, now, limit, passed=passed)
