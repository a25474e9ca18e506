"""Whether a run may begin something new, and when nothing of it moves any more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

SETTLE_SECONDS = 0.05
"""After one call ends the next may take a moment to begin."""


class Gate:
    """Every model and tool call goes through it.

    `park` is called when the run is to be put aside: when it is paused or waits for an answer and nothing of it works
    any more, or when it was paused for too long a call.
    """

    def __init__(self) -> None:
        self.park: Callable[[], None] = lambda: None
        self.stop: Callable[[], None] = lambda: None
        self.last_turn = False
        """The run ends with the turn that is going on: `stop` is called where another would begin."""
        self._opened: anyio.Event | None = None
        self._working = 0
        self._asking = 0
        self._hold: asyncio.TimerHandle | None = None
        self._settle: asyncio.TimerHandle | None = None

    @property
    def closed(self) -> bool:
        return self._opened is not None

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """A call. Waits to begin while the gate is closed."""
        await self.passed()
        self._working += 1
        try:
            yield
        finally:
            self._working -= 1
            self._look()

    async def turn(self) -> None:
        """Before a new turn of the run begins: the last one may have been."""
        if self.last_turn:
            self.stop()
            await anyio.sleep_forever()

    async def passed(self) -> None:
        while self._opened is not None:
            await self._opened.wait()

    async def ask(self) -> None:
        """Wait for an answer: for ever, since the run is put aside and the attempt after the answer finds it."""
        self._asking += 1
        self._look()
        try:
            await anyio.sleep_forever()
        finally:
            self._asking -= 1

    def close(self, hold_seconds: float) -> None:
        """Let nothing begin; what is going on has so long to finish."""
        if self._opened is None:
            self._opened = anyio.Event()
            self._hold = asyncio.get_running_loop().call_later(hold_seconds, self._overdue)
            self._look()

    def open(self) -> None:
        if self._opened is not None:
            self._opened.set()
            self._opened = None
        self.dispose()

    def dispose(self) -> None:
        """Nothing is to be put aside any more."""
        for timer in (self._hold, self._settle):
            if timer is not None:
                timer.cancel()
        self._hold = self._settle = None

    @property
    def _still(self) -> bool:
        return self._working == 0 and (self.closed or self._asking > 0)

    def _look(self) -> None:
        if self._still:
            if self._settle is not None:
                self._settle.cancel()
            self._settle = asyncio.get_running_loop().call_later(SETTLE_SECONDS, self._settled)

    def _settled(self) -> None:
        if self._still:
            self.park()

    def _overdue(self) -> None:
        if self.closed:
            self.park()
