"""Runs that begin and end: who is told, and that nobody is where nobody listens."""

from collections.abc import Collection, Iterable
from typing import cast
from uuid import UUID, uuid4

import anyio
import anyio.lowlevel
import pytest

from app.domain.runs.notices import Notice, RunEndedNotice, RunNow, RunStartedNotice
from app.domain.runs.socket.news import RunNews
from app.domain.runs.socket.sockets import Sockets
from app.domain.runs.states import RunState
from app.lib.runlog.wake.message import Subject
from tests.unit.test_runlog_remote import Wakers

ADA, BOB = uuid4(), uuid4()


class Present:
    """The sockets of a node, as far as its news see them."""

    def __init__(self, *users: UUID) -> None:
        self.told: list[tuple[UUID, Notice]] = []
        self._users = dict.fromkeys(users)

    def user_ids(self) -> Iterable[UUID]:
        return self._users.keys()

    def has(self, user_id: UUID) -> bool:
        return user_id in self._users

    def notify(self, user_id: UUID, notice: Notice) -> None:
        self.told.append((user_id, notice))


class Node:
    def __init__(self, *users: UUID) -> None:
        self.sockets = Present(*users)
        self.waker = Wakers()
        self.runs: dict[UUID, RunNow] = {}
        self.looks = 0
        self.news = RunNews(cast("Sockets", self.sockets), self.waker, self.find)

    async def find(self, run_ids: Collection[UUID]) -> Iterable[RunNow]:
        self.looks += 1
        return [self.runs[run_id] for run_id in run_ids]


def a_run(owner: UUID = ADA, state: RunState = RunState.RUNNING) -> RunNow:
    return RunNow(uuid4(), owner, "session", "chat", state)


def test_the_sockets_of_its_owner_are_told_and_a_node_alone_says_nothing() -> None:
    node = Node(ADA)

    node.news.changed(a_run())
    node.news.changed(a_run(state=RunState.FAILED))
    node.news.changed(a_run(BOB))

    assert [type(notice) for _, notice in node.sockets.told] == [RunStartedNotice, RunEndedNotice]
    assert {user_id for user_id, _ in node.sockets.told} == {ADA}
    assert node.waker.said == []


def test_others_are_told_of_the_runs_of_whoever_has_a_socket_there(monkeypatch: pytest.MonkeyPatch) -> None:
    node, hers, his = Node(), a_run(), a_run(BOB)
    node.waker.hear(Subject.PRESENT, ADA)

    node.news.changed(hers)
    node.news.changed(his)
    monkeypatch.setattr("app.domain.runs.socket.news.time.monotonic", lambda: float("inf"))
    node.news.changed(a_run())

    assert node.waker.said == [(Subject.CHANGED, hers.id)]


async def test_what_others_tell_is_looked_up_together_and_only_where_somebody_is() -> None:
    node, empty = Node(ADA), Node()
    runs = [a_run(), a_run(state=RunState.CANCELLED), a_run(BOB)]
    node.runs = empty.runs = {run.id: run for run in runs}

    async with anyio.create_task_group() as tasks:
        for each in (node, empty):
            tasks.start_soon(each.news.run)
        await anyio.wait_all_tasks_blocked()
        for run in runs:
            node.waker.hear(Subject.CHANGED, run.id)
            empty.waker.hear(Subject.CHANGED, run.id)
        with anyio.fail_after(5):
            while len(node.sockets.told) < 2:
                await anyio.lowlevel.checkpoint()
        await anyio.wait_all_tasks_blocked()
        tasks.cancel_scope.cancel()

    assert {notice.run_id for _, notice in node.sockets.told if isinstance(notice, RunStartedNotice)} == {runs[0].id}
    assert {notice.run_id for _, notice in node.sockets.told if isinstance(notice, RunEndedNotice)} == {runs[1].id}
    assert (node.looks, empty.looks) == (1, 0)
    assert (Subject.PRESENT, ADA) in node.waker.said
    assert empty.waker.said == []
