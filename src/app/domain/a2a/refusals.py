"""Our errors in A2A's words: as JSON-RPC errors of each version, and as those of its REST binding."""

from typing import Any, NamedTuple

from a2a.utils.error_handlers import build_error_details
from a2a.utils.errors import (
    A2A_ERROR_MAPPING,
    JSON_RPC_ERROR_CODE_MAP,
    A2AError,
    ContentTypeNotSupportedError,
    InternalError,
    InvalidParamsError,
    JSONParseError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)

from app.domain.a2a.errors import ContentNotSupported, NotJson, PushConfigNotFound, TaskNotCancelable, TaskNotFound
from app.domain.quotas.errors import LimitExceeded
from app.domain.runs.errors import RunNotFound
from app.lib.errors import STATUS, AppError, ErrorKind

DOMAIN = "headgate"
LIMIT_CODE = -32029
"""Among those that JSON-RPC leaves to servers (-32000 to -32099), beside the ones that A2A took."""
UNAVAILABLE_CODE = -32050
_OLD_CODES = {*JSON_RPC_ERROR_CODE_MAP.values()} - {-32008, -32009}
"""Those that 0.3 and 0.2.5 know."""
_KINDS: dict[ErrorKind, type[A2AError]] = {
    ErrorKind.UNREADABLE: JSONParseError,
    ErrorKind.NOT_FOUND: InvalidParamsError,
    ErrorKind.INVALID: InvalidParamsError,
    ErrorKind.TOO_LARGE: InvalidParamsError,
    ErrorKind.CONFLICT: UnsupportedOperationError,
    ErrorKind.FORBIDDEN: UnsupportedOperationError,
}
_SPECIAL: dict[type[AppError], type[A2AError]] = {
    RunNotFound: TaskNotFoundError,
    TaskNotFound: TaskNotFoundError,
    PushConfigNotFound: TaskNotFoundError,
    TaskNotCancelable: TaskNotCancelableError,
    ContentNotSupported: ContentTypeNotSupportedError,
    NotJson: ContentTypeNotSupportedError,
}
_GRPC = {429: "RESOURCE_EXHAUSTED", 503: "UNAVAILABLE"}


class Refusal(NamedTuple):
    """One error as each binding tells it."""

    status: int
    """Of HTTP: JSON-RPC has it in its body, except for limits and a server that can take no more."""
    code: int
    rest_status: int
    rest_name: str
    message: str
    details: list[dict[str, Any]]
    """Version 1.0."""
    data: Any
    """Versions before."""


def known(error: AppError) -> type[A2AError]:
    return _SPECIAL.get(type(error)) or _KINDS.get(error.kind, InternalError)


def refusal(error: AppError | A2AError) -> Refusal:
    """What is not expected was masked before."""
    if isinstance(error, A2AError):
        code = JSON_RPC_ERROR_CODE_MAP.get(type(error), -32603)
        mapping = A2A_ERROR_MAPPING.get(type(error), A2A_ERROR_MAPPING[InternalError])
        # What a parser says of a value repeats it.
        quiet = type(error)(error.message, None if "parseError" in (error.data or {}) else error.data)
        details = build_error_details(quiet)
        # Which fields are wrong is in a BadRequest already; an ErrorInfo has only texts.
        details[0]["metadata"] = {k: v for k, v in details[0]["metadata"].items() if isinstance(v, str)}
        return Refusal(200, code, mapping.http_code, mapping.grpc_status, error.message, details, quiet.data)
    limited = isinstance(error, LimitExceeded)
    data: dict[str, Any] = error.event if isinstance(error, LimitExceeded) else _problem(error)
    details = [_reason(error), {"@type": f"urn:problem:{error.code}", **data}]
    status = STATUS[error.kind]
    if limited or error.kind in {ErrorKind.EXHAUSTED, ErrorKind.UNAVAILABLE}:
        code = LIMIT_CODE if status == STATUS[ErrorKind.EXHAUSTED] else UNAVAILABLE_CODE
        return Refusal(status, code, status, _GRPC[status], error.detail, details, data)
    kind = known(error)
    mapping = A2A_ERROR_MAPPING.get(kind, A2A_ERROR_MAPPING[InvalidParamsError])
    details[0]["reason"] = mapping.reason
    details[0]["domain"] = "a2a-protocol.org"
    code = JSON_RPC_ERROR_CODE_MAP[kind]
    return Refusal(200, code, mapping.http_code, mapping.grpc_status, error.detail, details, data)


def rpc_error(error: AppError | A2AError, request_id: Any, *, old: bool) -> tuple[int, dict[str, Any]]:
    """The HTTP status and the body. `old`: for a client that speaks 0.3 or 0.2.5."""
    told = refusal(error)
    ours = told.code in {LIMIT_CODE, UNAVAILABLE_CODE}
    code = told.code if not old or ours or told.code in _OLD_CODES else -32603
    body: dict[str, Any] = {"code": code, "message": told.message}
    data = told.data if old else told.details
    if data:
        body["data"] = data
    return told.status, {"jsonrpc": "2.0", "id": request_id, "error": body}


def rest_error(error: AppError | A2AError) -> tuple[int, dict[str, Any]]:
    told = refusal(error)
    shown = {"code": told.rest_status, "status": told.rest_name, "message": told.message, "details": told.details}
    return told.rest_status, {"error": shown}


def _reason(error: AppError) -> dict[str, Any]:
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.code.upper(),
        "domain": DOMAIN,
        "metadata": {"code": error.code},
    }


def _problem(error: AppError) -> dict[str, Any]:
    return {**error.context, "code": error.code, "detail": error.detail, "retryable": error.retryable}
