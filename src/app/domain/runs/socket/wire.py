"""One WebSocket: messages in, and texts out, of one writer at a time."""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import anyio

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


class Codec(NamedTuple):
    """How the server reads what strangers send, and tells what went wrong: the same as over HTTP."""

    decode: Callable[[bytes], Any]
    problem: Callable[[Exception], dict[str, Any]]


class Wire:
    """Writers wait for the peer to read, and for each other in turn: nothing is kept for them.

    A peer that does not read for `send_seconds` is lost.
    """

    def __init__(self, receive: Receive, send: Send, *, send_seconds: float, on_lost: Callable[[], None]) -> None:
        self._receive = receive
        self._send = send
        self._send_seconds = send_seconds
        self._on_lost = on_lost
        self._lock = anyio.Lock(fast_acquire=True)
        self._closed = False

    async def receive(self) -> str | bytes | None:
        """The next message; None when there are no more."""
        message = await self._receive()
        if message["type"] != "websocket.receive":
            self._closed = True
            return None
        text: str | None = message.get("text")
        return message["bytes"] if text is None else text

    async def send(self, *texts: str, scope: anyio.CancelScope | None = None) -> None:
        """Together and in this order; nothing where `scope` was cancelled before it was their turn."""
        async with self._lock:
            if self._closed or (scope is not None and scope.cancel_called):
                return
            with anyio.move_on_after(self._send_seconds) as bound:
                try:
                    for text in texts:
                        await self._send({"type": "websocket.send", "text": text})
                except (OSError, RuntimeError):  # what servers raise once the connection is closed
                    self._lose()
            if bound.cancelled_caught:
                self._lose()

    async def close(self, code: int, reason: str, *last_words: str) -> None:
        async with self._lock:
            if not self._closed:
                self._closed = True
                for text in last_words:
                    await self._send({"type": "websocket.send", "text": text})
                await self._send({"type": "websocket.close", "code": code, "reason": reason})

    def _lose(self) -> None:
        self._closed = True
        self._on_lost()
