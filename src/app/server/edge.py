"""What every exchange has, whatever answers it: a request id, CORS, safe headers, one line in the log.

It stands around the whole application, so that 404s, refusals and streams have it too.
"""

import re
import time
from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

import structlog
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from app.server.problems import MEDIA_TYPE, problem_bytes

Headers = list[tuple[bytes, bytes]]

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~-]{1,128}")
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
        status: int | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] in _STARTS:
                head = cast("dict[str, Any]", message)
                status = head.get("status", 101)
                headers: Headers = [*head.get("headers", ()), *ours]
                if scope["path"].startswith("/api") and not any(
                    name.lower() == b"cache-control" for name, _ in headers
                ):
                    headers.append((b"cache-control", b"no-store"))
                head["headers"] = headers
            await send(message)

        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id.decode()):
            try:
                if allowed and b"access-control-request-method" in incoming and scope.get("method") == "OPTIONS":
                    await _answer(send_with_headers, 204, _ALLOW)
                elif "\0" in scope["path"] or b"%00" in scope["query_string"]:
                    # No stored value has this character, and PostgreSQL dies of it.
                    await _answer(send_with_headers, 400, [(b"content-type", MEDIA_TYPE.encode())], problem_bytes(400))
                else:
                    await self._app(scope, receive, send_with_headers)
            finally:
                # The path alone: a query string may carry a ticket.
                logger.log(
                    10 if scope["path"].startswith("/health") else 20,
                    "request",
                    method=scope.get("method", "WS"),
                    path=scope["path"],
                    status=status,
                    ms=round((time.perf_counter() - started) * 1000, 1),
                )


async def _answer(send: Send, status: int, headers: Headers, body: bytes = b"") -> None:
    length = [(b"content-length", str(len(body)).encode())] if body else []
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *length]})
    await send({"type": "http.response.body", "body": body, "more_body": False})
