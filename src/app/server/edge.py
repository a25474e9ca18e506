"""What every exchange has, whatever answers it: a request id, CORS, safe headers, one line in the log.

It stands around the whole application, so that 404s, refusals and streams have it too.
"""

import re
import time
from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import anyio
import structlog
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.server.bodies import MAX_BODY
from app.server.problems import HTTP_CODES, MEDIA_TYPE, problem_bytes

Headers = list[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
LINGER_BYTES = 8 * MAX_BODY
LINGER_SECONDS = 1
"""How much, and how long, a client may go on sending what was refused."""
_OWN_PART = re.compile(r"[a-z_.-]{0,24}|[a-z0-9]{1,4}|\d{1,9}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLOSE_CODES = 4000
"""Litestar closes a socket with this and the HTTP status it would have answered with."""
_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})
_SAFE: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
]
_ALLOW: Headers = [
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE"),
    (
        b"access-control-allow-headers",
        b"Authorization, Content-Type, Last-Event-ID, Idempotency-Key, Prefer, A2A-Version",
    ),
    (b"access-control-max-age", b"600"),
]
_EXPOSE = (b"access-control-expose-headers", b"Location, Retry-After, RateLimit, RateLimit-Policy, X-Request-ID")
_VARY = (b"vary", b"Origin")
logger = structlog.get_logger()


class Edge:
    def __init__(self, app: ASGIApp, *, cors_origins: Sequence[str]) -> None:
        self._app = app
        self._origins = frozenset(origin.encode() for origin in cors_origins)
        self._proxy_told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        incoming = dict(scope["headers"])
        request_id = incoming.get(b"x-request-id", b"")
        if not _REQUEST_ID.fullmatch(request_id):
            request_id = uuid4().hex.encode()
        origin = incoming.get(b"origin", b"")
        allowed = origin in self._origins
        ours: Headers = [(b"x-request-id", request_id), *_SAFE]
        if self._origins:
            ours.append(_VARY)
        if allowed:
            ours += [(b"access-control-allow-origin", origin), _EXPOSE]
        unread = b"transfer-encoding" in incoming or incoming.get(b"content-length", b"0") != b"0"
        exchange = _Exchange(scope, receive, send, headers=ours, unread=unread)
        if not self._proxy_told and b"x-forwarded-for" in incoming:
            self._look_at_proxy(scope)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                if allowed and b"access-control-request-method" in incoming and scope.get("method") == "OPTIONS":
                    await exchange.answer(204, _ALLOW)
                elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
                    # No stored value has this character, and PostgreSQL dies of it.
                    await exchange.refuse(400)
                else:
                    await self._app(scope, exchange.receive, exchange.send)
            finally:
                # Without the query string, which may carry a ticket.
                logger.log(
                    10 if scope["path"].startswith("/health") else 20,
                    "request",
                    method=scope.get("method", "WS"),
                    path=shown(scope["path"]),
                    status=exchange.status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )

    def _look_at_proxy(self, scope: Scope) -> None:
        """Where a proxy is trusted, the client is one of those it names; else all its clients share one's limits."""
        peer = scope["client"][0] if scope["client"] else ""
        if not any(name == b"x-forwarded-for" and peer.encode() in value for name, value in scope["headers"]):
            self._proxy_told = True
            logger.warning(
                "X-Forwarded-For is not believed: if this is your proxy, name it in HEADGATE_TRUSTED_PROXIES",
                peer=peer,
            )


def shown(path: str) -> str:
    """For the log: where an id belongs, somebody may have put a secret."""
    return "/".join(part if _OWN_PART.fullmatch(part) else "***" for part in path.split("/"))


class _Exchange:
    """One request and its answer, as the application receives and sends them."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, headers: Headers, unread: bool) -> None:
        self.status: int | None = None
        self._scope = scope
        self._receive = receive
        self._send = send
        self._headers = headers
        self._unread = unread
        """The client still sends its body."""

    async def receive(self) -> Any:
        message = await self._receive()
        if self._unread and not message.get("more_body"):
            self._unread = False
        return message

    async def send(self, message: Message) -> None:
        kind = message["type"]
        if kind in _STARTS:
            self._begin(cast("dict[str, Any]", message))
        elif kind == "websocket.close" and self.status is None:
            await self._refuse_websocket(cast("dict[str, Any]", message))
            return
        elif self._unread and kind == "http.response.body" and not message.get("more_body"):
            await self._linger(message)
            return
        await self._send(message)

    async def refuse(self, status: int) -> None:
        """Answer with the problem of a status."""
        await self.answer(status, [(b"content-type", MEDIA_TYPE.encode())], problem_bytes(status))

    async def answer(self, status: int, headers: Headers, body: bytes = b"") -> None:
        kind = "websocket.http.response" if self._scope["type"] == ScopeType.WEBSOCKET else "http.response"
        length = [(b"content-length", str(len(body)).encode())] if body else []
        head: Any = {"type": f"{kind}.start", "status": status, "headers": [*headers, *length]}
        await self.send(head)
        rest: Any = {"type": f"{kind}.body", "body": body, "more_body": False}
        await self.send(rest)

    def _begin(self, head: dict[str, Any]) -> None:
        self.status = head.get("status", 101)
        headers: Headers = [*head.get("headers", ()), *self._headers]
        if self._scope["path"].startswith("/api") and not any(name.lower() == b"cache-control" for name, _ in headers):
            headers.append((b"cache-control", b"no-store"))
        head["headers"] = headers

    async def _refuse_websocket(self, close: dict[str, Any]) -> None:
        """Closing before accepting is a bare 403 to the client, so a problem is told instead where the server can."""
        if "websocket.http.response" not in (self._scope.get("extensions") or {}):
            await self._send(cast("Message", close))
        elif "route_handler" not in self._scope:
            await self.refuse(404)
        else:
            told = close.get("code", 0) - _CLOSE_CODES
            await self.refuse(told if told in HTTP_CODES else 403)

    async def _linger(self, end: Message) -> None:
        """Tell the answer, then read on for a moment: closing a socket over unread bytes destroys what was told."""
        await self._send(cast("Message", {**end, "more_body": True}))
        left = LINGER_BYTES
        with anyio.move_on_after(LINGER_SECONDS):
            while self._unread and left > 0:
                left -= len((await self.receive()).get("body", b""))
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
