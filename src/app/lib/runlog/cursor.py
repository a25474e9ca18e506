"""Reading: a cursor into one run's log, from memory where the tail reaches back far enough, else from the store."""

import time
from uuid import UUID

import anyio
import structlog

from app.lib.runlog.frames import PING, Batch, border
from app.lib.runlog.hub import Hub, Reader
from app.lib.runlog.store import LogStore

MAX_WRITE = 16 * 1024

logger = structlog.get_logger()


class Cursor:
    """Follows one log. Costs its position and, while it waits, one future."""

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
            await self._reader.wait()
            quiet = time.monotonic() - self._reader.last_write
            if quiet >= self._heartbeat and self._seq >= self._reader.tail.last_seq:
                self._reader.last_write = time.monotonic()
                return PING
        return b""

    def close(self) -> None:
        self._reader.close()

    async def end(self) -> None:
        """Wait for the log's end without reading it, or until the reader is closed."""
        while not self._reader.closed and not self._reader.tail.ended:
            await self._reader.wait()

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


async def sweep(hub: Hub, store: LogStore, heartbeat: float, poll_seconds: float = 0.5) -> None:
    """Forever: wake the readers that are due a heartbeat, and fetch news of runs that another process writes."""
    while True:
        await anyio.sleep(min(poll_seconds, heartbeat / 4))
        due = time.monotonic() - heartbeat
        for reader in hub.readers():
            if reader.last_write <= due:
                reader.wake()
        try:
            await _fetch_news(hub, store)
        except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
            logger.warning("cannot look for news of runs", error=type(error).__name__)


async def _fetch_news(hub: Hub, store: LogStore) -> None:
    for run_id, tail in hub.remote():
        head = await store.head(run_id)
        if head is None:
            hub.forget(run_id)
        elif head.seq > tail.last_seq or head.ended:
            hub.catch_up(run_id, head.seq, ended=head.ended)
