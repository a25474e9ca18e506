"""HTTP/1.1 with a limit on how long a client may take to say what it wants.

uvicorn waits for ever for the rest of a header or a body, so a few hundred silent sockets hold a few hundred
connections. A proxy that bounds this is better; this is for when there is none.
"""

import asyncio
from uuid import uuid4

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.server.problems import MEDIA_TYPE, problem_bytes

HEADER_SECONDS = 10
BODY_SECONDS = 30
MAX_HEADER_BYTES = 32 * 1024


class BoundedProtocol(HttpToolsProtocol):
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bound(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unbound()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        self._header_bytes = 0
        self._bound(HEADER_SECONDS)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(name + value)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._bound(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._unbound()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        self._unbound()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is answered in the same shape as everything else."""
        request_id = uuid4().hex
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            body = problem_bytes(400)
        head = [
            "HTTP/1.1 400 Bad Request",
            f"content-type: {MEDIA_TYPE}",
            f"content-length: {len(body)}",
            f"x-request-id: {request_id}",
            "connection: close",
        ]
        self.transport.write("\r\n".join([*head, "", ""]).encode() + body)
        self.transport.close()

    def _count(self, received: bytes) -> None:
        self._header_bytes += len(received)
        if self._header_bytes > MAX_HEADER_BYTES:
            raise ValueError("The header is too large.")  # the parser makes it a 400

    def _bound(self, seconds: float) -> None:
        self._unbound()
        self._deadline = self.loop.call_later(seconds, self._late)

    def _unbound(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _late(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()
