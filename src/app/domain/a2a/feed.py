"""A task for a browser's `EventSource`, read with `onmessage`: no event has a name, its data says what it is."""

from typing import Any

import msgspec
from a2a.compat.v0_3 import conversions
from a2a.types.a2a_pb2 import Task, TaskState, TaskStatus, TaskStatusUpdateEvent
from google.protobuf.json_format import MessageToDict

from app.domain.a2a.fold import TERMINAL, Chunk, Told
from app.domain.a2a.service import Tasks
from app.domain.a2a.streams import HEADERS, Receive, Send, TaskUpdates, Watch, followed
from app.domain.accounts.schemas import Principal
from app.domain.runs.admission import Place
from app.lib.clock import Clock
from app.lib.runlog.frames import PING


async def feed(
    tasks: Tasks, user: Principal, task_id: str, last_event_id: str | None, *, clock: Clock, watch: Watch
) -> "TaskFeed":
    """From now on, or from the last event that a browser comes back with. Raises TaskOver."""
    with tasks.runs.reader() as place:
        updates = await followed(tasks, user, task_id, last_event_id, until=TERMINAL)
        return TaskFeed(updates, place.pass_on(), clock, watch, again=bool(last_event_id))


class TaskFeed:
    """An ASGI application."""

    def __init__(self, updates: TaskUpdates, place: Place, clock: Clock, watch: Watch, *, again: bool) -> None:
        self._updates = updates
        self._place = place
        self._clock = clock
        self._watch = watch
        self._again = again

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        with self._place:
            await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS]})
            async with self._updates.cursor() as cursor, self._watch(cursor, receive):
                if not self._again:
                    first = {"type": "task.created", "task": _old(self._updates.first)}
                    await _send(send, _frame(first, None))
                async for told in self._updates.told(cursor):
                    frames = [PING] if told is None else [await self._told(one) for one in told]
                    await _send(send, b"".join(frames))
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _told(self, told: Told) -> bytes:
        match told.update:
            case Chunk(text=text):
                data = {"type": "task.progress", "taskId": self._updates.first.id, "partialResult": text}
            case TaskStatusUpdateEvent(status=status):
                data = await self._status(status)
            case _:
                return b""
        return _frame(data, told.seq)

    async def _status(self, status: TaskStatus) -> dict[str, Any]:
        if status.state == TaskState.TASK_STATE_COMPLETED:
            return {"type": "task.completed", "task": _old(await self._updates.now())}
        task_id = self._updates.first.id
        if status.state in {TaskState.TASK_STATE_FAILED, TaskState.TASK_STATE_REJECTED}:
            task = await self._updates.now()
            error = {"message": status.message.parts[0].text, **MessageToDict(task.metadata)}
            return {"type": "task.error", "taskId": task_id, "error": error}
        if not status.HasField("timestamp"):
            status.timestamp.FromDatetime(self._clock.now())
        told = _dumped(conversions.to_compat_task_status(status))
        return {"type": "task.status", "taskId": task_id, "status": told}


def _old(task: Task) -> dict[str, Any]:
    """In the words of 0.2.5."""
    return _dumped(conversions.to_compat_task(task))


def _dumped(told: Any) -> dict[str, Any]:
    dumped: dict[str, Any] = told.model_dump(mode="json", by_alias=True, exclude_none=True)
    return dumped


def _frame(data: dict[str, Any], seq: int | None) -> bytes:
    head = b"" if seq is None else b"id: %d\n" % seq
    return head + b"data: %b\n\n" % msgspec.json.encode(data)


async def _send(send: Send, data: bytes) -> None:
    if data:
        await send({"type": "http.response.body", "body": data, "more_body": True})
