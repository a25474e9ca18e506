"""Circuit breakers: what has failed for several callers is left alone for a moment, and then tried by one of them.

The pattern is Michael Nygard's ("Release It!", 2007). One caller alone opens none, however often it fails: what it asks
for may be why.
"""

import time
from collections.abc import Callable, Hashable
from enum import StrEnum

WINDOW_SECONDS = 60.0
REST_SECONDS = 15.0
PROBE_SECONDS = 5.0
"""A probe that has not come back by then is followed by another one."""
MIN_CALLERS = 3
MAX_TROUBLES = 1000


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    """It rested: one call in a while finds out whether it works again."""


class _Trouble:
    def __init__(self) -> None:
        self.failures: dict[Hashable, float] = {}
        """When each caller failed last."""
        self.rests_until: float | None = None
        self.probed = False


class Breakers:
    """One for each thing that is called. Only those in trouble take memory: a success ends it."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._troubles: dict[Hashable, _Trouble] = {}

    def state(self, called: Hashable) -> BreakerState:
        trouble = self._troubles.get(called)
        if trouble is None or trouble.rests_until is None:
            return BreakerState.CLOSED
        resting = self._now() < trouble.rests_until and not trouble.probed
        return BreakerState.OPEN if resting else BreakerState.HALF_OPEN

    def wait(self, called: Hashable) -> float:
        """Seconds until it may be called again. Where there are none, the caller goes on, perhaps as the probe."""
        trouble = self._troubles.get(called)
        if trouble is None or trouble.rests_until is None:
            return 0.0
        now = self._now()
        if now < trouble.rests_until:
            return trouble.rests_until - now
        trouble.probed, trouble.rests_until = True, now + PROBE_SECONDS
        return 0.0

    def failed(self, called: Hashable, caller: Hashable) -> None:
        now = self._now()
        trouble = self._troubles.pop(called, None) or _Trouble()
        trouble.failures = {who: at for who, at in trouble.failures.items() if now - at < WINDOW_SECONDS}
        trouble.failures[caller] = now
        if trouble.rests_until is not None or len(trouble.failures) >= MIN_CALLERS:
            trouble.probed, trouble.rests_until = False, now + REST_SECONDS
        if len(self._troubles) >= MAX_TROUBLES:
            del self._troubles[next(iter(self._troubles))]  # that which was quiet for the longest
        self._troubles[called] = trouble

    def answered(self, called: Hashable) -> None:
        """It works, whatever it said."""
        self._troubles.pop(called, None)
