"""A limit that refuses a start, told to whoever wants a stream: the one event that such a stream has."""

from typing import Any

import msgspec
from litestar import Request, Response

from app.domain.quotas.errors import LimitExceeded
from app.domain.quotas.headers import rate_limit_headers
from app.domain.runs.controllers.answering import EVENT_STREAM, wants_stream
from app.lib.errors import STATUS
from app.lib.runlog.frames import unstored_frame

_NAME = b"rate_limit_exceeded"
_TRUE = {"true", "1", "on", "yes", "t", "y"}


def limit_headers(error: LimitExceeded) -> dict[str, str]:
    return {"Retry-After": str(error.event["retry_after"]), **rate_limit_headers(error.standing)}


def refused_stream(request: Request[Any, Any, Any], error: LimitExceeded) -> Response[bytes] | None:
    """None where no stream was asked for."""
    if not (request.url.path.endswith("/stream") or wants_stream(request.headers.get("accept", ""))):
        return None
    data = msgspec.json.encode(error.event)
    if request.query_params.get("envelope", "").lower() in _TRUE:
        data = b'{"event":"%b","data":%b}' % (_NAME, data)
    headers = {"Cache-Control": "no-cache, no-transform", **limit_headers(error)}
    return Response(
        unstored_frame(_NAME, data), status_code=STATUS[error.kind], media_type=EVENT_STREAM, headers=headers
    )
