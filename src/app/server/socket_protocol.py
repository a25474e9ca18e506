"""WebSockets with a limit on how long a peer may be silent, and on what it may send at once."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from app.server.bodies import MAX_BODY

PING_SECONDS = 10
PONG_SECONDS = 10
CLOSE_SECONDS = 2.0
CUT_SECONDS = 3.0
"""After this a connection that is being closed goes, whatever its peer has not read."""


class BoundedSocketProtocol(WebSocketsSansIOProtocol):
    """uvicorn's own waits until everything is read; a peer that is gone never reads it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.close_timeout = CLOSE_SECONDS

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self._cut_soon()

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self._cut_soon()

    def shutdown(self) -> None:
        try:
            super().shutdown()
        except InvalidState:  # its peer closes it: uvicorn looks only for what it closes itself
            self.transport.close()
        self._cut_soon()

    def _cut_soon(self) -> None:
        self.loop.call_later(CUT_SECONDS, self._cut)

    def _cut(self) -> None:
        if not self.disconnected:
            self.transport.abort()


SOCKET_OPTIONS: dict[str, Any] = {
    "ws": BoundedSocketProtocol,
    "ws_max_size": MAX_BODY + 4096,  # a body, and what stands around it
    "ws_ping_interval": PING_SECONDS,
    "ws_ping_timeout": PONG_SECONDS,
    "ws_per_message_deflate": False,
}
