"""Windows of one process that has no other beside it."""

from itertools import islice

from app.lib.clock import Clock
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, standing


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
        return standing([*window.values()], now, limit, passed=passed)

    async def give_back(self, key: str, member: str) -> None:
        self._windows.get(key, {}).pop(member, None)

    async def look(self, key: str, limit: int) -> Taken:
        now = self._clock.monotonic()
        window = self._current(key, now)
        return standing([*window.values()], now, limit, passed=len(window) < limit)

    def _current(self, key: str, now: float) -> dict[str, float]:
        window = self._windows.get(key, {})
        for member in [member for member, at in window.items() if at <= now - WINDOW_SECONDS]:
            del window[member]
        return window

    def _forget_quiet(self, now: float) -> None:
        """A few at a time, each time somebody passes: so there are never many more than are in use."""
        for key in [*islice(self._windows, 2)]:
            if not self._current(key, now):
                del self._windows[key]
