"""Live tails: the newest frames of each run that somebody follows or writes, and who waits for more.

A reader is a cursor and at most one future. The hub never copies frames for a reader and keeps no queue.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Iterable
from uuid import UUID

from app.lib.runlog.frames import Batch
from app.lib.runlog.store import News

TAIL_BYTES = 64 * 1024


class Tail:
    """The end of one run's log in memory."""

    __slots__ = ("batches", "ended", "last_seq", "left_at", "live", "readers", "size")

    def __init__(self, last_seq: int) -> None:
        self.last_seq = last_seq
        """Everything up to here is stored."""
        self.batches: deque[Batch] = deque()
        self.size = 0
        self.ended = False
        self.live = False
        """This process writes the run, so that what is published here is all there is."""
        self.readers: set[Reader] = set()
        self.left_at: float | None = None
        """When the last of its readers left, on the event loop's clock; None while nobody came or somebody is there."""

    @property
    def first_seq(self) -> int:
        return self.batches[0].first_seq if self.batches else self.last_seq + 1

    def add(self, batch: Batch) -> None:
        if batch.n:
            self.batches.append(batch)
            self.size += len(batch.frames)
            self.last_seq = batch.last_seq
        self.ended = self.ended or batch.ended
        while self.size > TAIL_BYTES and len(self.batches) > 1:
            self.size -= len(self.batches.popleft().frames)

    def after(self, seq: int) -> list[Batch] | None:
        """The batches with events after `seq`; None where memory does not reach back that far."""
        if seq >= self.last_seq:
            return []
        if seq + 1 < self.first_seq:
            return None
        newest: list[Batch] = []
        for batch in reversed(self.batches):
            if batch.last_seq <= seq:
                break
            newest.append(batch)
        newest.reverse()
        return newest


class Reader:
    """One who follows a run. `group` names readers that are closed together (those of one login)."""

    __slots__ = ("_future", "closed", "group", "last_write", "tail", "take")

    def __init__(self, tail: Tail, group: Hashable | None) -> None:
        self.tail = tail
        self.group = group
        self.closed = False
        self.last_write = 0.0
        self.take: Callable[[Batch], bool] | None = None
        """Takes a batch as it is published; where it does not, the reader is woken and comes for it."""
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Until something is published, or it is time for a heartbeat, or this reader is closed."""
        if self.closed:
            return
        future = asyncio.get_running_loop().create_future()
        self._future = future
        try:
            await future
        finally:
            self._future = None

    def wake(self) -> None:
        if self._future is not None and not self._future.done():
            self._future.set_result(None)

    def close(self) -> None:
        self.closed = True
        self.wake()


class Hub:
    """The tails of this process."""

    def __init__(self) -> None:
        self._tails: dict[UUID, Tail] = {}
        self._closed = False
        self.on_stored: Callable[[UUID], None] = _ignore
        """Called when the log of a run that this process writes has grown or ended."""
        self.on_followed: Callable[[UUID], None] = _ignore
        """Called when readers begin to depend on what another process writes."""
        self._met: set[UUID] = set()

    def write(self, run_id: UUID, seq: int) -> None:
        """Take note that this process writes the run from now on."""
        tail = self._tails.get(run_id)
        if tail is None or tail.last_seq != seq:
            readers = tail.readers if tail else set()
            tail = self._tails[run_id] = Tail(seq)
            for reader in readers:
                reader.tail = tail
            tail.readers = readers
        tail.live = True
        if seq and not tail.readers and tail.left_at is None:
            tail.left_at = asyncio.get_running_loop().time()  # those of the process that wrote it before may come back

    def expect(self, run_id: UUID) -> None:
        """Take note that this process is about to write a new run: its readers need not look elsewhere."""
        if run_id not in self._tails:
            self._tails[run_id] = Tail(0)
        self._tails[run_id].live = True

    def publish(self, batch: Batch) -> None:
        """Show a stored batch to the run's readers."""
        tail = self._tails.get(batch.run_id)
        if tail is None or batch.last_seq < tail.last_seq:
            return
        _show(tail, batch)
        if tail.live:
            self.on_stored(batch.run_id)

    def leave(self, run_id: UUID) -> None:
        """Take note that this process does not write the run any more."""
        tail = self._tails.get(run_id)
        if tail is not None:
            tail.live = False
            self._drop(run_id, tail)
            if tail.readers and not tail.ended:
                self.on_followed(run_id)

    def join(self, run_id: UUID, seq: int, *, ended: bool, group: Hashable | None = None) -> Reader:
        """Start to follow; `seq` and `ended` are what the store says of a run that no one here writes or follows."""
        tail = self._tails.get(run_id)
        if tail is None:
            tail = self._tails[run_id] = Tail(seq)
            tail.ended = ended
        reader = Reader(tail, group)
        reader.closed = self._closed
        tail.readers.add(reader)
        tail.left_at = None
        if len(tail.readers) == 1 and not tail.live and not tail.ended:
            self._met.add(run_id)
            self.on_followed(run_id)
        return reader

    def part(self, run_id: UUID, reader: Reader) -> None:
        tail = reader.tail
        tail.readers.discard(reader)
        if not tail.readers:
            tail.left_at = asyncio.get_running_loop().time()
        self._drop(run_id, tail)

    def followed(self, run_id: UUID, *, within: float = 0.0) -> bool:
        """Whether somebody follows the run, or did so within the last seconds."""
        tail = self._tails.get(run_id)
        if tail is None or tail.readers:
            return tail is not None
        return tail.left_at is not None and asyncio.get_running_loop().time() - tail.left_at < within

    def was_left(self, run_id: UUID) -> bool:
        """Whether the run had readers and has none."""
        tail = self._tails.get(run_id)
        return tail is not None and tail.left_at is not None

    def known(self, run_id: UUID) -> bool:
        return run_id in self._tails

    def writes(self, run_id: UUID) -> bool:
        tail = self._tails.get(run_id)
        return tail is not None and tail.live

    def remote(self, among: Iterable[UUID] | None = None) -> dict[UUID, int]:
        """Followed runs that somebody else writes, each with the last event known here: news must be fetched."""
        found = ((run_id, self._tails.get(run_id)) for run_id in (self._tails if among is None else among))
        return {run_id: tail.last_seq for run_id, tail in found if tail and not tail.live and not tail.ended}

    def met(self) -> set[UUID]:
        """Runs of others that somebody follows here, or came to follow since this was asked last."""
        met, self._met = self._met, set()
        return met | self.remote().keys()

    def show(self, run_id: UUID, news: News) -> bool:
        """Show readers what another process stored; True where the store holds more than was fetched."""
        tail = self._tails.get(run_id)
        if tail is None or tail.live:
            return False
        for batch in news.batches:
            if batch.first_seq == tail.last_seq + 1:
                _show(tail, batch)
        if news.ended and tail.last_seq >= news.seq:
            tail.ended = True
            for reader in tail.readers:
                reader.wake()
        return tail.last_seq < news.seq

    def forget(self, run_id: UUID) -> None:
        """The run is gone, and its log with it."""
        tail = self._tails.get(run_id)
        if tail is not None and not tail.live:
            for reader in list(tail.readers):
                reader.close()

    def readers(self) -> list[Reader]:
        return [reader for tail in self._tails.values() for reader in tail.readers]

    def groups(self) -> set[Hashable]:
        return {reader.group for reader in self.readers() if reader.group is not None}

    def close_group(self, group: Hashable) -> None:
        for reader in self.readers():
            if reader.group == group:
                reader.close()

    def close(self) -> None:
        """End every reader, also those yet to come: the process is leaving."""
        self._closed = True
        for reader in self.readers():
            reader.close()

    def _drop(self, run_id: UUID, tail: Tail) -> None:
        if not tail.readers and not tail.live and self._tails.get(run_id) is tail:
            del self._tails[run_id]


def _show(tail: Tail, batch: Batch) -> None:
    tail.add(batch)
    for reader in tail.readers:
        if reader.take is None or not reader.take(batch):
            reader.wake()


def _ignore(_: UUID) -> None:
    """Nobody wants to know."""
