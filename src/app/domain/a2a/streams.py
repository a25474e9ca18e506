"""A task followed: as its updates, or as the bytes of a stream."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
from a2a.types.a2a_pb2 import Task, TaskState, TaskStatusUpdateEvent

from app.domain.a2a.conformance import answers_with_message
from app.domain.a2a.encoding import Encoding, Event, Shape, artifact_update
from app.domain.a2a.errors import BadParams, TaskOver
from app.domain.a2a.fold import TERMINAL, Chunk, Fold, Told
from app.domain.a2a.service import Tasks
from app.domain.a2a.tasks import answer_of, task_of
from app.domain.accounts.schemas import Principal
from app.domain.runs.admission import Place
from app.domain.runs.lookup import Asked
from app.domain.runs.states import ACTIVE
from app.lib.runlog.cursor import Cursor
from app.lib.runlog.frames import PING

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Watch = Callable[[Cursor, Receive], AbstractAsyncContextManager[anyio.Event]]
"""Closes a cursor when its client hangs up."""

HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
]


_CURSOR = re.compile(r"[0-9]{1,20}")
CLOSING = {*TERMINAL, TaskState.TASK_STATE_INPUT_REQUIRED, TaskState.TASK_STATE_AUTH_REQUIRED}


class TaskUpdates:
    """A task as it is, then what becomes of it, until it has ended or waits for somebody."""

    def __init__(
        self,
        tasks: Tasks,
        user: Principal,
        asked: Asked,
        fold: Fold,
        first: Task,
        *,
        first_seq: int | None,
        until: Collection[int] = CLOSING,
    ) -> None:
        """`until`: the states that end it."""
        self.asked = asked
        self._tasks = tasks
        self._user = user
        self._fold = fold
        self._first = first
        self._until = until
        self._first_seq = first_seq
        self._over = first.status.state == fold.waits and first_seq is None

    def cursor(self) -> AbstractAsyncContextManager[Cursor]:
        return self._tasks.runs.following(self.asked.run.id, after=self._fold.seq, group=self._user)

    async def told(self, cursor: Cursor) -> AsyncIterator[list[Told] | None]:
        """What comes together; None for a sign of life."""
        while not self._over and (data := await cursor.read()):
            if data is PING:
                yield None
                continue
            told = self._fold.read(data)
            # What follows a question belongs to who has answered it.
            for n, one in enumerate(told):
                if isinstance(one.update, TaskStatusUpdateEvent) and one.update.status.state in self._until:
                    self._over = True
                    told = told[: n + 1]
                    await self._date(one.update)
                    break
            if told:
                yield told

    def events(self, told: list[Told] | None) -> list[Event]:
        """The same for who takes no bytes."""
        task_id, context_id = self._fold.task_id, self._fold.context_id
        return [
            artifact_update(one.update, task_id, context_id) if isinstance(one.update, Chunk) else one.update
            for one in told or ()
        ]

    @property
    def first(self) -> Task:
        return self._first

    async def now(self) -> Task:
        """As it is now."""
        return task_of(await self._tasks.get(self._user, self._fold.task_id), self._fold)

    async def end(self, cursor: Cursor) -> Asked:
        await cursor.end()
        return await self._tasks.get(self._user, self._fold.task_id)

    async def _date(self, update: TaskStatusUpdateEvent) -> None:
        """The log has no times: the end's is in the run's row."""
        if update.status.state in TERMINAL:
            asked = await self._tasks.get(self._user, self._fold.task_id)
            update.status.timestamp.FromDatetime(asked.changed_at)

    def bytes(self, shape: Shape, place: Place, watch: Watch) -> "TaskStream":
        encoding = Encoding(shape, self._fold.task_id, self._fold.context_id)
        return TaskStream(self, encoding, place, watch, first_seq=self._first_seq)


async def followed(
    tasks: Tasks, user: Principal, task_id: str, last_event_id: str | None, *, until: Collection[int] = CLOSING
) -> TaskUpdates:
    """A task from now on; for who names the last event it knows, from there on.

    Raises TaskOver where nothing more can come.
    """
    tasks.runs.may_stream()
    asked = await tasks.get(user, task_id)
    known, last = _cursor(last_event_id), asked.run.last_seq
    if asked.run.state not in ACTIVE and (known is None or known >= last):
        raise TaskOver
    fold = await tasks.folded(asked, up_to=last if known is None else known)
    if fold is None:
        raise TaskOver
    first = task_of(asked, fold)
    if known is not None and fold.state != fold.waits:
        first.status.CopyFrom(fold.status())
    return TaskUpdates(tasks, user, asked, fold, first, first_seq=fold.seq, until=until)


def _cursor(last_event_id: str | None) -> int | None:
    told = (last_event_id or "").strip()
    if told and not _CURSOR.fullmatch(told):
        raise BadParams("Last-Event-ID is a whole number")
    return int(told) if told else None


class TaskStream:
    """An ASGI application: the updates as server-sent events."""

    def __init__(
        self, updates: TaskUpdates, encoding: Encoding, place: Place, watch: Watch, *, first_seq: int | None
    ) -> None:
        self._updates = updates
        self._encoding = encoding
        self._place = place
        self._watch = watch
        self._first_seq = first_seq

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        with self._place:
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            async with self._updates.cursor() as cursor, self._watch(cursor, receive):
                await self._write(cursor, send)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write(self, cursor: Cursor, send: Send) -> None:
        if answers_with_message(self._updates.asked):
            asked = await self._updates.end(cursor)
            await _send(send, self._encoding.frame(answer_of(asked)))
            return
        await _send(send, self._encoding.frame(self._updates.first, self._first_seq))
        async for told in self._updates.told(cursor):
            await _send(send, PING if told is None else b"".join(self._frame(one) for one in told))

    def _frame(self, told: Told) -> bytes:
        return self._encoding.frame(told.update, told.seq)


async def _send(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})
