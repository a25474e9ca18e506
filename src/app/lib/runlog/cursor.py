"""Reading: a cursor into one run's log, from memory where the tail reaches back far enough, else from the store."""

import time
from collections.abc import Callable
from uuid import UUID

import anyio
import structlog

from app.lib.runlog.frames import PING, Batch, border
from app.lib.runlog.hub import Hub, Reader
from app.lib.runlog.store import LogStore

MAX_WRITE = 16 * 1024
WRITE_NOW = "headgate.write_now"
"""An extension of ASGI: a function that writes a piece of the body at once, or returns False where it cannot.

`send` does the same through a wrapper of every layer on the way to the socket, and needs a task to wait in.
"""
_SWEEP_SECONDS = 0.5

logger = structlog.get_logger()


class Cursor:
    """Follows one log. Costs its position and, while it waits, one future.

    Whoever only copies what `read` returns to a socket may give `write_now`: then what is published while `read` waits
    is written at once, without waking a task for it, which costs more than all else.
    """

    def __init__(
        self, hub: Hub, store: LogStore, run_id: UUID, reader: Reader, *, after: int, heartbeat: float
    ) -> None:
        self._hub = hub
        self._store = store
        self._run_id = run_id
        self._reader = reader
        self._seq = after
        self._heartbeat = heartbeat
        self._rest = b""
        self._at = 0
        self.write_now: Callable[[bytes], bool] | None = None
        """Returns False where the socket takes nothing at the moment: then `read` returns it."""
        self.ended = False
        """The log's terminal event was handed out."""
        reader.last_write = time.monotonic()

    async def read(self) -> bytes:
        """The next frames: whole ones, at most 16 kB unless one alone is larger; a comment after a quiet while.

        Empty when there is nothing more to come: the log ended or the reader was closed.
        """
        while not self._reader.closed:
            if self._rest or await self._load():
                return self._cut()
            if self._reader.tail.ended and self._seq >= self._reader.tail.last_seq:
                self.ended = True
                return b""
            await self._wait()
            quiet = time.monotonic() - self._reader.last_write
            if quiet >= self._heartbeat and self._seq >= self._reader.tail.last_seq:
                self._reader.last_write = time.monotonic()
                return PING
        return b""

    async def ready(self) -> None:
        """Wait until `read` returns at once. Giving up loses nothing."""
        tail = self._reader.tail
        while not (self._rest or self._reader.closed or tail.ended or self._seq < tail.last_seq):
            await self._wait()
            tail = self._reader.tail

    def close(self) -> None:
        self._reader.close()

    async def end(self) -> None:
        """Wait for the log's end without reading it, or until the reader is closed."""
        while not self._reader.closed and not self._reader.tail.ended:
            await self._reader.wait()

    async def _wait(self) -> None:
        self._reader.take = self._take if self.write_now is not None else None
        try:
            await self._reader.wait()
        finally:
            self._reader.take = None

    def _take(self, batch: Batch) -> bool:
        """Write what comes next, if it is all there is to write. The end is for `read` to tell."""
        if self._reader.closed or batch.ended or not 0 < len(batch.frames) <= MAX_WRITE:
            return False
        if batch.first_seq != self._seq + 1:
            return False
        if self.write_now is None or not self.write_now(batch.frames):
            return False
        self._seq = batch.last_seq
        self._reader.last_write = time.monotonic()
        return True

    async def _load(self) -> bool:
        batches = self._reader.tail.after(self._seq)
        if batches is None:
            batches = await self._stored()
        if not batches:
            return False
        frames = batches[0].after(self._seq)
        if len(batches) > 1:
            frames = b"".join([frames, *(batch.frames for batch in batches[1:])])
        self._rest = frames
        self._at = 0
        self._seq = batches[-1].last_seq
        return True

    async def _stored(self) -> list[Batch]:
        """From the store; where it holds nothing (the run was deleted) or is away, the reader ends and may rejoin."""
        try:
            batches = await self._store.read(self._run_id, self._seq, MAX_WRITE)
        except Exception as error:  # noqa: BLE001 - whatever the driver raises
            logger.warning("a reader cannot be served", error=type(error).__name__)
            batches = []
        if not batches:
            self._reader.close()
        return batches

    def _cut(self) -> bytes:
        self._reader.last_write = time.monotonic()
        if self._at == 0 and len(self._rest) <= MAX_WRITE:
            data, self._rest = self._rest, b""
            return data
        end = border(self._rest, self._at, MAX_WRITE)
        data = self._rest[self._at : end]
        self._at = end
        if end == len(self._rest):
            self._rest, self._at = b"", 0
        return data


async def sweep(hub: Hub, heartbeat: float) -> None:
    """Forever: wake the readers that are due a heartbeat."""
    while True:
        await anyio.sleep(min(_SWEEP_SECONDS, heartbeat / 4))
        due = time.monotonic() - heartbeat
        for reader in hub.readers():
            if reader.last_write <= due:
                reader.wake()
