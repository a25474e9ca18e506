"""A run's log as a response of server-sent events: the stored bytes, written to the socket as they are."""

from collections.abc import AsyncIterator, Hashable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import anyio
import msgspec
from litestar import Request, Response
from litestar.types import ASGIApp, Receive, Scope, Send

from app.domain.runs.admission import Place
from app.domain.runs.controllers.batches import BatchReader, batched
from app.domain.runs.schemas import Reset
from app.domain.runs.service import Runs
from app.lib.runlog.cursor import MAX_WRITE, WRITE_NOW, Cursor
from app.lib.runlog.frames import PING, enveloped, joined, split, unstored_frame

HEADERS = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)


class EventStream(Response[None]):
    """Follows a run until it ends, the client goes, or the process leaves. Ends of clients end nothing else."""

    def __init__(
        self,
        runs: Runs,
        run_id: UUID,
        place: Place,
        *,
        after: int = 0,
        reset: Reset | None = None,
        group: Hashable | None = None,
        envelope: bool = False,
        batch: bool = False,
        history_of: tuple[UUID, str] | None = None,
        location: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(None, status_code=200, media_type="text/event-stream")
        self._runs = runs
        self._run_id = run_id
        self._place = place
        self._after = after
        self._reset = reset
        self._group = group
        self._envelope = envelope
        self._batch = batch
        self._history_of = history_of
        extra = {"location": f"/api/runs/{run_id}"} if location else {}
        self._extra = [(name.lower().encode(), value.encode()) for name, value in {**extra, **(headers or {})}.items()]

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIApp:  # type: ignore[override]
        return self._respond

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._place:
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *self._extra]})
        async with (
            self._runs.following(self._run_id, after=self._after, group=self._group) as cursor,
            watched(cursor, receive),
        ):
            if self._reset is not None:
                await self._write(send, self._unstored(b"reset", self._reset))
            if not self._envelope and not self._batch:
                extensions: Any = scope.get("extensions") or {}
                cursor.write_now = extensions.get(WRITE_NOW)
            reader = BatchReader(cursor) if self._batch else cursor
            while data := await reader.read():
                for write in self._shaped(data):
                    await self._write(send, write)
            if cursor.ended and self._history_of is not None:
                entries = await self._runs.history(*self._history_of)
                await self._write(send, self._unstored(b"history", entries))
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _shaped(self, data: bytes) -> Iterable[bytes]:
        """The same events as they were asked for, in one write or several."""
        if data is PING or not (self._envelope or self._batch):
            return (data,)
        frames = split(data)
        if self._batch:
            frames = batched(frames)
        if self._envelope:
            frames = [enveloped(one) for one in frames]
        return joined(frames, MAX_WRITE)

    async def _write(self, send: Send, data: bytes) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": True})

    def _unstored(self, name: bytes, value: Any) -> bytes:
        data = msgspec.json.encode(value)
        return unstored_frame(name, b'{"event":"%b","data":%b}' % (name, data) if self._envelope else data)


@asynccontextmanager
async def watched(cursor: Cursor, receive: Receive) -> AsyncIterator[anyio.Event]:
    """Inside the block a client that hangs up closes its cursor, and sets the event.

    It is heard of here only: writing to it raises nothing.
    """
    gone = anyio.Event()

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        cursor.close()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield gone
        tasks.cancel_scope.cancel()
