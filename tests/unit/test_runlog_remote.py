"""Runs that another process writes: what is fetched for their readers here, and what is said of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import anyio.lowlevel
import pytest

from app.lib.runlog.cursor import Cursor
from app.lib.runlog.frames import Batch, frame, parse, split
from app.lib.runlog.hub import Hub
from app.lib.runlog.remote import RemoteRuns
from app.lib.runlog.store import News
from app.lib.runlog.wake.message import Subject
from app.lib.runlog.wake.waker import Waker
from tests.unit.test_runlog import MemoryStore


class Wakers(Waker):
    """One that only notes what it is to say."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[tuple[Subject, UUID]] = []

    def tell(self, subject: Subject, run_id: UUID) -> None:
        self.said.append((subject, run_id))

    def hear(self, subject: Subject, run_id: UUID) -> None:
        for hearer in self._hearers[subject]:
            hearer(run_id)


class Node:
    def __init__(self) -> None:
        self.hub = Hub()
        self.store = MemoryStore()
        self.waker = Wakers()
        self.remote = RemoteRuns(self.hub, self.store, self.waker)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.remote.run)
            await anyio.wait_all_tasks_blocked()
            yield
            tasks.cancel_scope.cancel()

    def follow(self, run_id: UUID) -> Cursor:
        reader = self.hub.join(run_id, 0, ended=False)
        return Cursor(self.hub, self.store, run_id, reader, after=0, heartbeat=60)

    def stored_elsewhere(self, run_id: UUID, *, events: int = 1) -> None:
        batches = self.store.batches.setdefault(run_id, [])
        seq = batches[-1].last_seq if batches else 0
        for number in range(seq + 1, seq + events + 1):
            batches.append(Batch(run_id, number, 1, frame(number, b"message_delta", b'{"content":"x"}')))
        self.waker.hear(Subject.STORED, run_id)


@pytest.fixture
def node() -> Node:
    return Node()


@pytest.fixture
def never_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond once at the start."""
    monkeypatch.setattr("app.lib.runlog.remote.POLL_SECONDS", 60)


@pytest.mark.usefixtures("never_polls")
async def test_news_that_another_node_tells_of_are_fetched_at_once(node: Node) -> None:
    run_id = uuid4()
    following = node.follow(run_id)
    async with node.running():
        node.stored_elsewhere(run_id, events=2)

        data = await following.read()

    assert [parse(one)[0] for one in split(data)] == [1, 2]


async def test_news_that_nobody_tells_of_are_found(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.runlog.remote.POLL_SECONDS", 0.01)
    run_id = uuid4()
    following = node.follow(run_id)
    async with node.running():
        node.store.batches[run_id] = [Batch(run_id, 1, 1, frame(1, b"message_delta", b"{}"))]
        node.store.ended.add(run_id)

        assert len(split(await following.read())) == 1
        assert await following.read() == b""

    assert following.ended


@pytest.mark.usefixtures("never_polls")
async def test_all_of_a_long_backlog_is_fetched_a_piece_at_a_time(node: Node) -> None:
    run_id = uuid4()
    node.store.most_news = 3
    following = node.follow(run_id)
    async with node.running():
        node.stored_elsewhere(run_id, events=10)
        seen: list[bytes] = []
        while len(seen) < 10:
            seen += split(await following.read())

    assert [parse(one)[0] for one in seen] == list(range(1, 11))


@pytest.mark.usefixtures("never_polls")
async def test_a_reader_of_a_run_that_was_deleted_elsewhere_ends(node: Node) -> None:
    run_id = uuid4()
    following = node.follow(run_id)
    node.store.batches[run_id] = []
    async with node.running():
        del node.store.batches[run_id]
        node.store.gone.add(run_id)
        node.waker.hear(Subject.STORED, run_id)

        assert await following.read() == b""

    assert not following.ended


@pytest.mark.usefixtures("never_polls")
async def test_a_reader_of_a_log_that_was_deleted_elsewhere_ends(node: Node) -> None:
    run_id = uuid4()
    following = node.follow(run_id)
    async with node.running():
        node.store.batches[run_id] = [Batch(run_id, 7, 1, frame(7, b"message_delta", b"{}"))]
        node.store.most_news = 0
        node.waker.hear(Subject.STORED, run_id)

        assert await following.read() == b""

    assert not following.ended


async def test_a_store_that_is_away_is_asked_again(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.lib.runlog.remote.POLL_SECONDS", 0.001)
    failures = 0

    async def fail(_: dict[UUID, int]) -> dict[UUID, News]:
        nonlocal failures
        failures += 1
        raise ConnectionRefusedError

    node.store.news = fail  # type: ignore[method-assign, assignment]
    node.follow(uuid4())
    async with node.running():
        with anyio.fail_after(5):
            while failures < 3:
                await anyio.lowlevel.checkpoint()


async def test_only_runs_that_others_follow_are_spoken_of(node: Node) -> None:
    mine, theirs = uuid4(), uuid4()
    for run_id in (mine, theirs):
        node.hub.write(run_id, 0)

    node.waker.hear(Subject.FOLLOWED, theirs)
    at_once = [*node.waker.said]
    for run_id in (mine, theirs):
        node.hub.publish(Batch(run_id, 1, 1, frame(1, b"message_delta", b"{}")))
        node.hub.publish(Batch(run_id, 1, 0, b"", ended=True))

    assert at_once == [(Subject.STORED, theirs)]  # it may have grown before
    assert node.waker.said == [(Subject.STORED, theirs)] * 3


async def test_others_are_told_what_is_followed_here(node: Node) -> None:
    mine, theirs = uuid4(), uuid4()
    node.hub.write(mine, 0)

    for run_id in (mine, theirs, theirs):
        node.follow(run_id)
    first = [*node.waker.said]
    node.hub.leave(mine)

    assert first == [(Subject.FOLLOWED, theirs)]
    assert node.waker.said == [(Subject.FOLLOWED, theirs), (Subject.FOLLOWED, mine)]


async def test_a_run_that_nobody_else_follows_any_more_is_not_spoken_of(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.lib.runlog.remote.POLL_SECONDS", 0.001)
    monkeypatch.setattr("app.lib.runlog.remote.FOLLOW_SECONDS", 0)
    monkeypatch.setattr("app.lib.runlog.remote.INTEREST_SECONDS", 0)
    run_id = uuid4()
    node.hub.write(run_id, 0)
    node.waker.hear(Subject.FOLLOWED, run_id)
    async with node.running():
        with anyio.fail_after(5):
            while node.remote._wanted:
                await anyio.lowlevel.checkpoint()
        node.waker.said.clear()
        node.hub.publish(Batch(run_id, 1, 1, frame(1, b"message_delta", b"{}")))

    assert node.waker.said == []


async def test_what_is_said_of_runs_that_nobody_knows_leaves_nothing_behind(node: Node) -> None:
    for _ in range(1000):
        node.waker.hear(Subject.STORED, uuid4())

    assert not node.remote._woken
