"""Telling other nodes at once what they would find in the database a little later."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID, uuid4

import anyio
import structlog

from app.lib.runlog.wake.message import Malformed, Subject, decode, encode

PAUSE_SECONDS = 0.01
"""Between two sendings: what gathers meanwhile goes into one message, each run once."""
CLOSE_SECONDS = 2.0
FAREWELL_SECONDS = 0.5
_MOST_UNSENT = 10_000
_FIRST_RETRY_SECONDS = 0.1
_LAST_RETRY_SECONDS = 2.0

logger = structlog.get_logger()

Hearer = Callable[[UUID], None]


class Line(Protocol):
    """A way to all other nodes and back. It may be cut at any time, which each method but `close` raises."""

    async def open(self) -> None: ...

    async def say(self, data: bytes) -> None: ...

    async def listen(self, heard: Callable[[bytes], None]) -> None:
        """Hand over what is said, one's own words too, until the line is cut."""
        ...

    async def close(self) -> None:
        """Also a line that is cut or half open."""
        ...


class Waker:
    """One node's mouth and ears. Without a line there are no other nodes, and nothing is said.

    Messages may be lost, repeated or late: nothing may depend on them but speed.
    """

    def __init__(self, line: Line | None = None) -> None:
        self.node = uuid4().hex
        self._line = line
        self._hearers: dict[str, list[Hearer]] = {}
        self._unsent: dict[tuple[Subject, UUID], None] = {}
        self._something = asyncio.Event()
        self._silent = asyncio.Event()
        self._silent.set()
        self._connected = False
        self._warned_of_malformed = False

    def on(self, subject: Subject, hearer: Hearer) -> None:
        """Call `hearer` with the run, or the user, whenever another node says `subject` of it."""
        self._hearers.setdefault(subject, []).append(hearer)

    def tell(self, subject: Subject, run_id: UUID) -> None:
        """Say it to the other nodes, soon. Returns at once and never fails: while the line is cut it is kept."""
        if self._line is None or len(self._unsent) >= _MOST_UNSENT:
            return
        self._unsent[subject, run_id] = None
        self._silent.clear()
        self._something.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keeps the line open until the block is left, and then says what is left to say."""
        if self._line is None:
            yield
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._keep_open, self._line)
            try:
                yield
            finally:
                if self._connected:
                    with anyio.move_on_after(FAREWELL_SECONDS, shield=True):
                        await self._silent.wait()
                tasks.cancel_scope.cancel()

    async def _keep_open(self, line: Line) -> None:
        pause = _FIRST_RETRY_SECONDS
        while True:
            opened_at = time.monotonic()
            try:
                await self._use(line)
            except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
                if time.monotonic() - opened_at > _LAST_RETRY_SECONDS:
                    pause = _FIRST_RETRY_SECONDS
                if pause == _FIRST_RETRY_SECONDS:
                    logger.warning("cannot talk to other nodes: readers of their runs lag", error=_cause(error))
            finally:
                self._connected = False
                with anyio.move_on_after(CLOSE_SECONDS, shield=True):
                    await line.close()
            await anyio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - so that nodes do not come back all at once
            pause = min(pause * 2, _LAST_RETRY_SECONDS)

    async def _use(self, line: Line) -> None:
        await line.open()
        self._connected = True
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(line.listen, self._heard)
            await self._speak(line)

    async def _speak(self, line: Line) -> None:
        while True:
            await self._something.wait()
            self._something.clear()
            said, self._unsent = self._unsent, {}
            try:
                for data in encode(self.node, said):
                    await line.say(data)
            except BaseException:
                self._unsent = said | self._unsent
                self._something.set()
                raise
            if not self._unsent:
                self._silent.set()
            await anyio.sleep(PAUSE_SECONDS)

    def _heard(self, data: bytes) -> None:
        try:
            message = decode(data)
        except Malformed:
            if not self._warned_of_malformed:
                logger.warning("ignoring what is no message of another node", size=len(data))
            self._warned_of_malformed = True
            return
        if message.node == self.node:
            return
        for subject, hearers in self._hearers.items():
            for run_id in message.said.get(subject, ()):
                for hearer in hearers:
                    hearer(run_id)


def _cause(error: BaseException) -> str:
    """The name alone: drivers put addresses and passwords into their texts."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
