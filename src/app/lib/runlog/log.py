"""Writing: a pen for each run, and one writer a process that commits what all pens have gathered."""

import asyncio
import math
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from uuid import UUID

import anyio
import structlog

from app.lib.runlog.errors import LeaseLost, LogTooLarge
from app.lib.runlog.frames import Batch, frame
from app.lib.runlog.hub import Hub
from app.lib.runlog.store import LogStore, Step, Write

GROUP_SECONDS = 0.005
"""At least this long after one commit the next begins; an idle server waits for nothing."""
MOST_GROUP_SECONDS = 0.02
"""At most so long: readers may notice more."""
_GROWTH_SECONDS = 0.005
"""Times the root of the runs in the last commit: the pause grows with the load, since a commit costs what it costs."""
PENDING_BYTES = 64 * 1024
"""A run with more than this not yet stored waits, and so its provider is read more slowly."""
_RETRY_SECONDS = 0.5

logger = structlog.get_logger()


class RunLog:
    """The pen of one attempt of one run: numbers its events, makes their bytes, hands them to the writer."""

    def __init__(self, writer: "LogWriter", run_id: UUID, attempt: int, seq: int, max_bytes: int) -> None:
        self.run_id = run_id
        self.attempt = attempt
        self.seq = seq
        """The number of the last event written, stored or not."""
        self.stored = seq
        """The number of the last event that is stored."""
        self.control: str | None = None
        self.lost = False
        self._writer = writer
        self._frames: list[bytes] = []
        self._steps: list[Step] = []
        self._pending_bytes = 0
        self._bytes_left = max_bytes
        self._max_bytes = max_bytes
        self._takes = 0
        self._commits = 0
        self._waiters: list[asyncio.Future[None]] = []
        self.on_control: Callable[[str | None], None] | None = None
        """Called when what somebody asks of the run has changed (a row of the database says so)."""
        self.on_lost: Callable[[], None] | None = None
        """Called when another attempt owns the run."""

    def append(self, name: bytes, data: bytes) -> None:
        """Add one event. It is shown to readers once it is stored, not before.

        Raises LeaseLost when another attempt owns the run, LogTooLarge when the log is over its bound.
        """
        if self.lost:
            raise LeaseLost
        self.seq += 1
        made = frame(self.seq, name, data)
        self._bytes_left -= len(made)
        if self._bytes_left < 0:
            self.seq -= 1
            self._bytes_left = 0
            raise LogTooLarge(self._max_bytes)
        self._frames.append(made)
        self._pending_bytes += len(made)
        self._writer.notice(self)

    @property
    def window(self) -> float:
        """Seconds over which deltas are joined into one event."""
        return self._writer.window

    @property
    def is_full(self) -> bool:
        """Too much is not yet stored: whoever adds more waits for `room` before."""
        return self._pending_bytes > PENDING_BYTES

    async def room(self) -> None:
        while self.is_full:
            await self._next_commit()

    async def store(self, *steps: Step) -> None:
        """Wait until everything appended so far is stored, `steps` with it in the same transaction."""
        if self.lost:
            raise LeaseLost
        self.attach(*steps)
        if self._frames or self._steps:
            self._writer.notice(self)
        goal = self._takes + self._writer.has_noticed(self)
        while self._commits < goal:
            await self._next_commit()

    def beat(self) -> None:
        """Renew the lease, and learn what is asked of the run, with the next commit."""
        self._writer.notice(self)

    def attach(self, *steps: Step) -> None:
        """Store `steps` together with what was appended so far, whenever that is."""
        self._steps.extend(steps)
        if steps:
            self._writer.notice(self)

    @contextmanager
    def unbounded(self) -> Iterator[None]:
        """The bound does not count inside the block: what belongs together is written whole. It counts after."""
        left, self._bytes_left = self._bytes_left, sys.maxsize
        try:
            yield
        finally:
            self._bytes_left = left - (sys.maxsize - self._bytes_left)

    def unbound(self) -> None:
        """From here on the log's bound does not count: the last words of a run are always written."""
        self._bytes_left = sys.maxsize

    async def _next_commit(self) -> None:
        if self.lost:
            raise LeaseLost
        future = asyncio.get_running_loop().create_future()
        self._waiters.append(future)
        await future
        if self.lost:
            raise LeaseLost

    def take(self) -> Write:
        """What is pending, for the writer; the pen is empty after."""
        frames, steps = self._frames, self._steps
        self._frames, self._steps, self._pending_bytes = [], [], 0
        self._takes += 1
        return Write(Batch(self.run_id, self.seq, len(frames), b"".join(frames)), self.attempt, tuple(steps))

    def committed(self, seq: int, control: str | None) -> None:
        self.stored = seq
        self._commits += 1
        if control != self.control:
            self.control = control
            if self.on_control is not None:
                self.on_control(control)
        self._wake()

    def lose(self) -> None:
        self.lost = True
        if self.on_lost is not None:
            self.on_lost()
        self._wake()

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for future in waiters:
            if not future.done():
                future.set_result(None)


class LogWriter:
    """Group commit: whatever gathered while the last write was in flight goes into the next one."""

    def __init__(self, store: LogStore, hub: Hub, *, max_run_bytes: int) -> None:
        self.store = store
        self.hub = hub
        self._max_run_bytes = max_run_bytes
        self._dirty: dict[RunLog, None] = {}
        self._something = asyncio.Event()
        self.failing = False
        """The last try to connect or to write went wrong. It is tried again until it goes well."""
        self.window = 0.0
        """Seconds over which a run joins its deltas into one event: more than 0 while there is too much to do."""
        self._pending_since: float | None = None
        self._writing_since: float | None = None
        self._worst_lag = 0.0

    def open(self, run_id: UUID, attempt: int, seq: int) -> RunLog:
        """The pen of the attempt that holds the run's lease."""
        self.hub.write(run_id, seq)
        return RunLog(self, run_id, attempt, seq, self._max_run_bytes)

    def notice(self, log: RunLog) -> None:
        self._dirty[log] = None
        self._something.set()
        if self._pending_since is None:
            self._pending_since = time.monotonic()

    def has_noticed(self, log: RunLog) -> bool:
        """The next commit is to write of it, if only its lease."""
        return log in self._dirty

    def worst_lag(self) -> float:
        """How long anything has waited to be stored since this was last asked, in seconds."""
        worst, self._worst_lag = self._worst_lag, 0.0
        waits = self._pending_since if self._writing_since is None else self._writing_since
        return worst if waits is None else max(worst, time.monotonic() - waits)

    async def connect(self) -> None:
        """Try once, before there is anything to write. Where it fails, `run` goes on trying."""
        try:
            await self.store.open()
        except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
            self._failed("the run log cannot be opened", error)
        else:
            self.failing = False

    async def run(self) -> None:
        """Write until cancelled. What is pending then stays unwritten."""
        while self.failing:
            await anyio.sleep(_RETRY_SECONDS)
            await self.connect()
        next_at = 0.0
        while True:
            await self._something.wait()
            pause = next_at - time.monotonic()
            if pause > 0:
                await asyncio.sleep(pause)
            self._something.clear()
            logs, self._dirty = self._dirty, {}
            since = self._writing_since = self._pending_since or time.monotonic()
            self._pending_since = None
            writes = [(log, log.take()) for log in logs]
            await self._write(writes)
            self._writing_since = None
            self._worst_lag = max(self._worst_lag, time.monotonic() - since)
            pause = min(max(GROUP_SECONDS, _GROWTH_SECONDS * math.sqrt(len(writes))), MOST_GROUP_SECONDS)
            next_at = time.monotonic() + pause

    async def _write(self, writes: list[tuple[RunLog, Write]]) -> None:
        held = await self._stored([write for _, write in writes])
        for log, write in writes:
            try:
                control = held[write.batch.run_id]
            except KeyError:
                log.lose()
                continue
            self.hub.publish(write.batch)
            log.committed(write.batch.last_seq, control)

    async def _stored(self, writes: list[Write]) -> dict[UUID, str | None]:
        """Store, again and again while the database is away; the runs wait and the readers see nothing unstored."""
        done: dict[UUID, str | None] = {}
        again = False
        while True:
            try:
                held = done | await self.store.write(writes)
                # An earlier try may have been committed late, behind our back: then the fence refuses this one.
                for write in (w for w in writes if again and w.batch.run_id not in held):
                    await self._was_stored(write, held)
            except Exception as error:  # noqa: BLE001 - whatever the driver raises, the answer is the same
                self._failed("the run log cannot be written", error)
            else:
                self.failing = False
                return held
            again = True
            await anyio.sleep(_RETRY_SECONDS)
            try:
                await self.store.reset()
                writes = [w for w in writes if not await self._was_stored(w, done)]
            except Exception as error:  # noqa: BLE001 - still away
                logger.warning("the database is away", error=type(error).__name__)
            if not writes:
                self.failing = False
                return done

    def _failed(self, what: str, error: Exception) -> None:
        self.failing = True
        logger.warning(what, error=type(error).__name__)

    async def _was_stored(self, write: Write, done: dict[UUID, str | None]) -> bool:
        """A commit whose answer was lost did happen if the head stands where it would have put it."""
        head = await self.store.head(write.batch.run_id)
        stored = head is not None and head.attempt == write.attempt and head.seq == write.batch.last_seq
        if stored and write.batch.n:
            done[write.batch.run_id] = None
            return True
        return False
