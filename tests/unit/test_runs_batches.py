"""Several events in one frame: what is gathered, for how long, and in which bytes."""

from uuid import UUID

import anyio
import msgspec
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given
from hypothesis import strategies as st

from app.domain.runs.controllers import batches
from app.domain.runs.controllers.batches import BATCH_BYTES, BatchReader, batched
from app.lib.runlog.cursor import Cursor
from app.lib.runlog.frames import PING, Batch, enveloped, frame, joined, parse, split
from app.lib.runlog.hub import Hub
from tests.unit.test_runlog import MemoryStore

RUN = UUID("01890000-0000-7000-8000-000000000000")
EVER = 3600.0


class Log:
    """A run that this process writes, and one who reads it in batches. What is told is shown at once."""

    def __init__(self, heartbeat: float = 60) -> None:
        self._hub = Hub()
        self._hub.expect(RUN)
        self.reader = self._hub.join(RUN, 0, ended=False)
        cursor = Cursor(self._hub, MemoryStore(), RUN, self.reader, after=0, heartbeat=heartbeat)
        self._batches = BatchReader(cursor)
        self.seq = 0
        self.got: list[bytes] = []

    def tell(self, name: str, text: str = "x", *, ended: bool = False) -> None:
        self.seq += 1
        told = frame(self.seq, name.encode(), msgspec.json.encode({"content": text}))
        self._hub.publish(Batch(RUN, self.seq, 1, told, ended))

    async def follow(self) -> None:
        while data := await self._batches.read():
            self.got.append(data)

    def seen(self) -> list[list[int]]:
        """The numbers of the events of each read."""
        return [[parse(one)[0] for one in split(data)] for data in self.got]


async def settle() -> None:
    """Let every task that has something to do do it."""
    for _ in range(10):
        await checkpoint()


async def test_the_first_words_wait_for_nothing_and_what_follows_is_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", EVER)
    log = Log()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.follow)
        for name in ("session_initialized", "agent_updated", "message_delta"):
            await settle()
            log.tell(name)
        await settle()
        first = log.seen()
        for _ in range(3):
            log.tell("message_delta")
            await settle()
        waiting = log.seen()
        log.tell("completed", ended=True)

    assert first == waiting == [[1, 2, 3]]
    assert log.seen() == [[1, 2, 3], [4, 5, 6, 7]]


async def test_a_batch_is_sent_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", 0.01)
    log = Log()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.follow)
        await settle()
        log.tell("session_initialized")
        await settle()
        log.tell("agent_updated")
        with anyio.fail_after(5):
            while not log.got:
                await checkpoint()
        tasks.cancel_scope.cancel()

    assert log.seen() == [[1, 2]]


async def test_a_batch_is_sent_when_it_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", EVER)
    log = Log()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.follow)
        for _ in range(5):
            await settle()
            log.tell("reasoning_delta", "t" * 300)
        await settle()
        tasks.cancel_scope.cancel()

    assert log.seen() == [[1, 2, 3]]


async def test_a_reader_that_is_closed_gets_what_was_gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "BATCH_SECONDS", EVER)
    log = Log()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.follow)
        await settle()
        log.tell("session_initialized")
        await settle()
        log.reader.close()

    assert log.seen() == [[1]]


async def test_a_quiet_log_has_its_heartbeat_in_batches_too() -> None:
    log = Log(heartbeat=0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(log.follow)
        await settle()
        log.reader.wake()
        await settle()
        tasks.cancel_scope.cancel()

    assert log.got == [PING]


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=2000), min_size=1, max_size=60)


@given(said=texts, in_envelopes=st.booleans())
def test_batches_hold_every_event_once_and_in_order(*, said: list[str], in_envelopes: bool) -> None:
    data = [msgspec.json.encode({"content": text}) for text in said]
    frames = [frame(n, b"message_delta", one) for n, one in enumerate(data, 1)]

    made = batched(frames)
    sent = [enveloped(one) for one in made] if in_envelopes else made
    writes = list(joined(sent, 16 * 1024))

    events = []
    for one in split(b"".join(writes)):
        last, name, value = parse(one)
        told = msgspec.json.decode(value)
        items = told["data"] if in_envelopes else told
        assert name == b"batch"
        assert not in_envelopes or told["event"] == "batch"
        assert items[-1]["id"] == last
        events += items
    assert events == [{"id": n, "event": "message_delta", "data": {"content": text}} for n, text in enumerate(said, 1)]
    assert all(len(parse(one)[2]) <= BATCH_BYTES + 2 or len(msgspec.json.decode(parse(one)[2])) == 1 for one in made)
    assert all(len(write) <= 16 * 1024 or len(split(write)) == 1 for write in writes)
