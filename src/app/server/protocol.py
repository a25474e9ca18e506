"""HTTP/1.1 with a limit on how long a client may take to say what it wants, and to read what it is told.

uvicorn waits for ever for the rest of a header or a body, so a few hundred silent sockets hold a few hundred
connections. A proxy that bounds this is better; this is for when there is none.
"""

import asyncio
import fcntl
import sys
import termios
from functools import partial
from typing import Any
from uuid import uuid4

import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.lib.runlog.cursor import WRITE_NOW
from app.server.problems import MEDIA_TYPE, problem_bytes

HEADER_SECONDS = 10
BODY_SECONDS = 35
"""For a body that nobody reads; who reads one answers 408 before."""
MAX_HEADER_BYTES = 32 * 1024


def write_now(cycle: RequestResponseCycle, data: bytes) -> bool:
    """Write a piece of a body that has begun, as `send` would; False where `send` would wait or drop it."""
    if cycle.flow.write_paused or cycle.disconnected or cycle.response_complete or not cycle.chunked_encoding:
        return False
    cycle.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
    return True


def unread(transport: asyncio.Transport) -> int:
    """Bytes that the peer has not taken: of ours, and of the kernel's, which lets us write on only now and then."""
    waiting = transport.get_write_buffer_size()
    try:
        sent = fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
    except OSError:
        return waiting  # not every system tells
    return waiting + int.from_bytes(sent, sys.byteorder)


class BoundedProtocol(HttpToolsProtocol):
    """A client that reads nothing for `idle_seconds` loses its connection; one that reads slowly keeps it."""

    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _look_again: asyncio.TimerHandle | None = None
    _unread = 0

    def __init__(self, *arguments: Any, idle_seconds: float = 60.0, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle_seconds = idle_seconds

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bound(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unbound()
        self._unwatch()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch()

    def resume_writing(self) -> None:
        self._unwatch()
        super().resume_writing()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def on_message_begin(self) -> None:
        if not self.flow.write_paused:
            self._unwatch()
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
        if self.cycle is not None and self.cycle.scope is self.scope:
            self.scope["extensions"] = {WRITE_NOW: partial(write_now, self.cycle)}  # type: ignore[dict-item]

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

    def _watch(self) -> None:
        """Nothing more is written for now: from here on what is unread can only become less."""
        if self._look_again is None and self.transport.get_write_buffer_size():
            self._unread = unread(self.transport)
            self._look_again = self.loop.call_later(self._idle_seconds, self._look)

    def _unwatch(self) -> None:
        if self._look_again is not None:
            self._look_again.cancel()
            self._look_again = None

    def _look(self) -> None:
        self._look_again = None
        if self.transport.get_write_buffer_size() and unread(self.transport) >= self._unread:
            self.transport.abort()
        else:
            self._watch()

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
