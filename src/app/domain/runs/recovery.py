"""Whether, when and of which model an answer is asked for again that a provider did not finish."""

import time
from collections.abc import Awaitable, Callable, Sequence

from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.resilience.backoff import full_jitter

MAX_TRIES = 3
"""Of one model."""
DEADLINE_SECONDS = 30.0
"""After the first failure no try begins later."""

Kind = ProviderErrorKind

_MAY_PASS = {
    Kind.RATE_LIMIT,
    Kind.OVERLOADED,
    Kind.SERVER,
    Kind.TIMEOUT,
    Kind.UNREACHABLE,
    Kind.CUT,
    Kind.MALFORMED,
}
_OF_THE_REQUEST = {Kind.BAD_REQUEST, Kind.TOO_LARGE}
"""What is wrong with a request is no reason to send it to somebody else."""


class Recovery:
    """Of one answer. `model` is the one to ask, by its full name."""

    def __init__(
        self,
        model: str,
        fallbacks: Sequence[str] = (),
        *,
        usable: Callable[[str], Awaitable[bool]] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.model = model
        self.number = 1
        """Of the try, whatever the model."""
        self._others = [other for other in fallbacks if other != model]
        self._usable = usable
        self._now = now
        self._tries = 1
        self._deadline: float | None = None

    async def after(self, error: ProviderError) -> float | None:
        """Seconds until the next try, of what is `model` then. None: the answer has failed."""
        now = self._now()
        if self._deadline is None:
            self._deadline = now + DEADLINE_SECONDS
        if error.reason in _MAY_PASS and self._tries < MAX_TRIES:
            delay = (error.retry_after or 0.0) + full_jitter(self._tries)
            if now + delay <= self._deadline:
                self._tries += 1
                self.number += 1
                return delay
        if error.reason in _OF_THE_REQUEST or now > self._deadline:
            return None
        return await self._fall_back()

    async def _fall_back(self) -> float | None:
        while self._others:
            self.model = self._others.pop(0)
            if self._usable is None or await self._usable(self.model):
                self._tries = 1
                self.number += 1
                return 0.0
        return None
