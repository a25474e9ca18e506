"""Frames, cursors and the writer, over a store in memory that can be slow, away, or taken by another attempt."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.runlog.cursor import MAX_WRITE, Cursor
from app.lib.runlog.errors import LeaseLost, LogTooLarge
from app.lib.runlog.frames import PING, Batch, border, enveloped, frame, parse, skip, split
from app.lib.runlog.hub import TAIL_BYTES, Hub
from app.lib.runlog.log import PENDING_BYTES, LogWriter, RunLog
from app.lib.runlog.store import Head, News, Step, Write


class MemoryStore:
    """Keeps what it is given; `hold` makes writes wait, `broken` makes them fail after storing or before."""

    def __init__(self) -> None:
        self.batches: dict[UUID, list[Batch]] = {}
        self.steps: list[Step] = []
        self.writes = 0
        self.hold = anyio.Event()
        self.hold.set()
        self.taken: set[UUID] = set()
        self.fail: list[str] = []
        self.ended: set[UUID] = set()
        self.gone: set[UUID] = set()
        self.most_news = 1000
        self.opened = anyio.Event()

    async def open(self) -> None:
        if self.fail:
            raise OSError(self.fail.pop(0))
        self.opened.set()

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        await self.hold.wait()
        self.writes += 1
        failure = self.fail.pop(0) if self.fail else None
        if failure == "before":
            raise OSError(failure)
        held = {w.batch.run_id: None for w in writes if w.batch.run_id not in self.taken}
        for write in writes:
            if write.batch.run_id in held:
                self.batches.setdefault(write.batch.run_id, []).append(write.batch)
                self.steps.extend(write.steps)
        if failure == "after":
            raise OSError(failure)
        return dict(held)

    async def read(self, run_id: UUID, after: int, at_most: int) -> list[Batch]:
        return [b for b in self.batches.get(run_id, []) if b.last_seq > after]

    async def head(self, run_id: UUID) -> Head | None:
        batches = self.batches.get(run_id, [])
        return Head(batches[-1].last_seq if batches else 0, 1, ended=False)

    async def news(self, known: dict[UUID, int]) -> dict[UUID, News]:
        found: dict[UUID, News] = {}
        for run_id in known.keys() - self.gone:
            head = await self.head(run_id)
            assert head is not None
            batches = [b for b in self.batches.get(run_id, []) if b.last_seq > known[run_id]]
            found[run_id] = News(head.seq, run_id in self.ended, batches[: self.most_news])
        return found

    async def reset(self) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing to close."""


@asynccontextmanager
async def writing(store: MemoryStore, max_bytes: int = 10**9) -> AsyncIterator[LogWriter]:
    writer = LogWriter(store, Hub(), max_run_bytes=max_bytes)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        yield writer
        tasks.cancel_scope.cancel()


def say(log: RunLog, text: str = "x") -> None:
    log.append(b"message_delta", b'{"content":"%b"}' % text.encode())


def cursor(writer: LogWriter, run_id: UUID, after: int = 0, heartbeat: float = 60) -> Cursor:
    reader = writer.hub.join(run_id, 0, ended=False)
    return Cursor(writer.hub, writer.store, run_id, reader, after=after, heartbeat=heartbeat)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), min_size=1, max_size=20), st.data())
def test_frames_are_cut_at_their_borders_and_nowhere_else(texts: list[str], data: st.DataObject) -> None:
    frames = [frame(n, b"message_delta", text.encode().replace(b"\n", b"\\n")) for n, text in enumerate(texts, 1)]
    joined = b"".join(frames)
    count = data.draw(st.integers(0, len(frames)))
    at_most = data.draw(st.integers(1, 400))

    pieces, at = [], 0
    while at < len(joined):
        end = border(joined, at, at_most)
        pieces.append(joined[at:end])
        at = end

    assert skip(joined, count) == b"".join(frames[count:])
    assert split(joined) == frames
    assert b"".join(pieces) == joined
    assert all(len(piece) <= at_most or len(split(piece)) == 1 for piece in pieces)
    assert [parse(one)[0] for one in frames] == list(range(1, len(frames) + 1))


def test_an_envelope_keeps_the_id_and_the_data() -> None:
    assert enveloped(frame(3, b"message", b'{"content":"a"}')) == frame(
        3, b"message", b'{"event":"message","data":{"content":"a"}}'
    )


async def test_nothing_is_shown_before_it_is_stored() -> None:
    store = MemoryStore()
    store.hold = anyio.Event()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id)
        say(log)
        await anyio.wait_all_tasks_blocked()

        assert following._reader.tail.last_seq == 0
        store.hold.set()
        assert await following.read() == frame(1, b"message_delta", b'{"content":"x"}')


async def test_what_gathers_during_a_write_goes_into_the_next_one() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        store.hold = anyio.Event()
        await anyio.wait_all_tasks_blocked()
        for _ in range(99):
            say(log)
        store.hold.set()
        await log.store()

    assert store.writes == 2
    assert [b.n for b in store.batches[log.run_id]] == [1, 99]


async def test_runs_share_a_commit() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        logs = [writer.open(uuid4(), 1, 0) for _ in range(20)]
        for log in logs:
            say(log)
        for log in logs:
            await log.store()

    assert store.writes == 1
    assert sum(len(batches) for batches in store.batches.values()) == len(logs)


async def test_a_step_is_stored_with_the_events_before_it() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        await log.store(Step("", 1, "model", 0, b"{}"))

    assert [step.turn for step in store.steps] == [1]
    assert store.batches[log.run_id][-1].last_seq == 1


async def test_a_run_that_is_ahead_of_its_writer_waits() -> None:
    store = MemoryStore()
    store.hold = anyio.Event()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        await anyio.wait_all_tasks_blocked()
        say(log, "y" * PENDING_BYTES)
        waited = anyio.Event()

        async def wait_for_room() -> None:
            await log.room()
            waited.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(wait_for_room)
            await anyio.wait_all_tasks_blocked()
            assert not waited.is_set()
            store.hold.set()


async def test_a_lost_lease_ends_the_pen() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log, other = writer.open(uuid4(), 1, 0), writer.open(uuid4(), 1, 0)
        store.taken.add(log.run_id)
        say(log)
        say(other)
        with pytest.raises(LeaseLost):
            await log.store()
        with pytest.raises(LeaseLost):
            say(log)
        await other.store()

    assert log.run_id not in store.batches


@pytest.mark.parametrize("failures", [["before"], ["after"], ["before", "after", "before"]])
async def test_a_write_that_failed_is_done_once(failures: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.runlog.log._RETRY_SECONDS", 0)
    store = MemoryStore()
    store.fail = [*failures]
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        say(log)
        await log.store()

    assert [b.last_seq for b in store.batches[log.run_id]] == [2]


async def test_a_writer_says_that_it_fails_until_it_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.runlog.log._RETRY_SECONDS", 0.001)
    store = MemoryStore()
    store.fail = ["before", "after"]
    told: list[bool] = []
    reset = store.reset

    async def look() -> None:
        told.append(writer.failing)
        await reset()

    monkeypatch.setattr(store, "reset", look)
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        await log.store()

        assert told == [True, True]
        assert not writer.failing


async def test_a_store_that_cannot_be_opened_is_tried_again_with_nothing_to_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.lib.runlog.log._RETRY_SECONDS", 0.001)
    store = MemoryStore()
    store.fail = ["once", "twice"]
    writer = LogWriter(store, Hub(), max_run_bytes=10**9)

    await writer.connect()
    failed = writer.failing
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        with anyio.fail_after(5):
            await store.opened.wait()
        recovered = not writer.failing
        tasks.cancel_scope.cancel()

    assert failed
    assert recovered


async def test_a_log_over_its_bound_takes_only_last_words() -> None:
    store = MemoryStore()
    async with writing(store, max_bytes=180) as writer:
        log = writer.open(uuid4(), 1, 0)
        for _ in range(3):
            say(log)
        with pytest.raises(LogTooLarge):
            say(log)
        log.unbound()
        say(log)
        await log.store()

    assert store.batches[log.run_id][-1].last_seq == log.seq


async def test_what_belongs_together_is_written_whole_and_the_bound_counts_after() -> None:
    store = MemoryStore()
    async with writing(store, max_bytes=120) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        with log.unbounded():
            for _ in range(5):
                say(log)
        with pytest.raises(LogTooLarge):
            say(log)
        await log.store()

    assert store.batches[log.run_id][-1].last_seq == 6


async def test_a_write_that_was_committed_late_is_no_lost_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.runlog.log._RETRY_SECONDS", 0)
    store = MemoryStore()
    write = store.write

    async def late(writes: list[Write]) -> dict[UUID, str | None]:
        """The first try fails and is stored after all, unseen until the second is refused."""
        store.write = refused  # type: ignore[method-assign]
        raise OSError

    async def refused(writes: list[Write]) -> dict[UUID, str | None]:
        await write(writes)
        return {}

    store.write = late  # type: ignore[method-assign]
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        say(log)
        await log.store()

    assert not log.lost


async def test_a_late_reader_gets_all_of_a_long_log_in_bounded_writes() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        for _ in range(40):
            say(log, "z" * 5000)
            await log.store()
        writer.hub.publish(Batch(log.run_id, log.seq, 0, b"", ended=True))
        following = cursor(writer, log.run_id)
        pieces = []
        while piece := await following.read():
            pieces.append(piece)

    assert [parse(one)[0] for piece in pieces for one in split(piece)] == list(range(1, 41))
    assert all(len(piece) <= MAX_WRITE for piece in pieces)
    assert following.ended


@pytest.mark.parametrize("after", range(0, 12, 3))
async def test_a_cursor_inside_a_batch_gets_the_rest_of_it(after: int) -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        for _ in range(10):
            say(log)
        await log.store()
        writer.hub.publish(Batch(log.run_id, log.seq, 0, b"", ended=True))

        data = await cursor(writer, log.run_id, after).read()

    assert [parse(one)[0] for one in split(data)] == list(range(after + 1, 11))


async def test_the_tail_in_memory_is_bounded() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id)
        for _ in range(100):
            say(log, "z" * 5000)
            await log.store()

        assert following._reader.tail.size <= TAIL_BYTES


async def test_what_is_stored_while_a_reader_waits_is_written_without_waking_it() -> None:
    async with writing(MemoryStore()) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id)
        written: list[bytes] = []

        def write_now(data: bytes) -> bool:
            if len(written) == 2:
                return False
            written.append(data)
            return True

        following.write_now = write_now
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_say_one_after_the_other, log, 3)
            refused = await following.read()

    frames = [frame(n, b"message_delta", b'{"content":"x"}') for n in range(1, 4)]
    assert written == frames[:2]
    assert refused == frames[2]


async def test_a_write_without_events_is_not_written_to_readers() -> None:
    """An empty piece of a chunked body would end it."""
    async with writing(MemoryStore()) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id)
        written: list[bytes] = []

        def write_now(data: bytes) -> bool:
            written.append(data)
            return True

        following.write_now = write_now
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(following.read)
            await anyio.wait_all_tasks_blocked()
            await log.store(Step("", 1, "model", 0, b"{}"))
            await _say_one_after_the_other(log, 1)
            tasks.cancel_scope.cancel()

    assert written == [frame(1, b"message_delta", b'{"content":"x"}')]


async def _say_one_after_the_other(log: RunLog, times: int) -> None:
    for _ in range(times):
        await anyio.wait_all_tasks_blocked()
        say(log)
        await log.store()


async def test_a_quiet_reader_gets_a_comment() -> None:
    async with writing(MemoryStore()) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id, heartbeat=0)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_when_blocked, following._reader.wake)
            assert await following.read() == PING


async def test_a_reader_that_leaves_leaves_nothing_behind() -> None:
    async with writing(MemoryStore()) as writer:
        log = writer.open(uuid4(), 1, 0)
        for _ in range(100):
            following = cursor(writer, log.run_id)
            with anyio.move_on_after(0):
                await following.read()
            assert following._reader._future is None
            writer.hub.part(log.run_id, following._reader)

        assert writer.hub.readers() == []
        writer.hub.leave(log.run_id)
        assert not writer.hub.known(log.run_id)


async def test_closing_the_hub_ends_every_reader_without_an_end_of_the_log() -> None:
    async with writing(MemoryStore()) as writer:
        log = writer.open(uuid4(), 1, 0)
        following = cursor(writer, log.run_id)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_when_blocked, writer.hub.close)
            assert await following.read() == b""

        assert not following.ended
        assert await cursor(writer, log.run_id).read() == b""


async def test_a_reader_of_a_log_that_is_gone_ends() -> None:
    store = MemoryStore()
    async with writing(store) as writer:
        log = writer.open(uuid4(), 1, 0)
        for _ in range(100):
            say(log, "z" * 5000)
            await log.store()
        following = cursor(writer, log.run_id)
        store.batches.clear()

        with anyio.fail_after(5):
            assert await following.read() == b""
        assert not following.ended


async def _when_blocked(action: Callable[[], None]) -> None:
    await anyio.wait_all_tasks_blocked()
    action()
