"""A run's log as a response of server-sent events: the stored bytes, written to the socket as they are."""

from collections.abc import Hashable
from typing import Any
from uuid import UUID

import anyio
import msgspec
from litestar import Request, Response
from litestar.types import ASGIApp, Receive, Scope, Send

from app.domain.runs.service import Runs
from app.lib.runlog.cursor import Cursor
from app.lib.runlog.frames import PING, enveloped, split, unstored_frame

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
        *,
        after: int = 0,
        group: Hashable | None = None,
        envelope: bool = False,
        history_of: tuple[UUID, str] | None = None,
        location: bool = False,
    ) -> None:
        super().__init__(None, status_code=200, media_type="text/event-stream")
        self._runs = runs
        self._run_id = run_id
        self._after = after
        self._group = group
        self._envelope = envelope
        self._history_of = history_of
        self._location = location

    def to_asgi_response(self, app: Any, request: Request[Any, Any, Any], **_: Any) -> ASGIApp:  # type: ignore[override]
        return self._respond

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        extra = [(b"location", f"/api/runs/{self._run_id}".encode())] if self._location else []
        await send({"type": "http.response.start", "status": 200, "headers": [*HEADERS, *extra]})
        async with (
            self._runs.following(self._run_id, after=self._after, group=self._group) as cursor,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(_watch, receive, cursor)
            while data := await cursor.read():
                if self._envelope and data is not PING:
                    data = b"".join(enveloped(one) for one in split(data))
                await send({"type": "http.response.body", "body": data, "more_body": True})
            if cursor.ended and self._history_of is not None:
                history = await self._history(*self._history_of)
                await send({"type": "http.response.body", "body": history, "more_body": True})
            tasks.cancel_scope.cancel()
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _history(self, owner_id: UUID, session_key: str) -> bytes:
        entries = msgspec.json.encode(await self._runs.history(owner_id, session_key))
        data = b'{"event":"history","data":%b}' % entries if self._envelope else entries
        return unstored_frame(b"history", data)


async def _watch(receive: Receive, cursor: Cursor) -> None:
    """A client that hangs up is heard of here only: writing to it raises nothing."""
    while (await receive())["type"] != "http.disconnect":
        pass
    cursor.close()
