"""Every failure as RFC 9457 problem details, so that clients parse one shape."""

import math
import re
from http import HTTPStatus
from typing import Any, NamedTuple

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, InternalServerException, ValidationException
from litestar.params import ParameterKwarg
from litestar.types import ExceptionHandlersMap
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.domain.quotas.errors import LimitExceeded
from app.domain.runs.controllers.refusals import limit_headers, refused_stream
from app.lib.errors import STATUS, AppError
from app.lib.observability.redaction import without_value

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 5
"""What a 503 tells a client that has nothing better to go by."""
logger = structlog.get_logger()

AnyRequest = Request[Any, Any, Any]


class HttpCode(NamedTuple):
    """The code of a failure that only HTTP has."""

    code: str
    detail: str


HTTP_CODES = {
    400: HttpCode("bad_request", "The request cannot be read."),
    401: HttpCode("not_authenticated", "Sign in first: this needs an access token."),
    403: HttpCode("forbidden", "This is not allowed."),
    404: HttpCode("not_found", "There is nothing here."),
    405: HttpCode("method_not_allowed", "This address does not answer that method."),
    408: HttpCode("body_too_slow", "The body took too long to arrive."),
    413: HttpCode("body_too_large", "The body is larger than 1 MiB."),
    415: HttpCode("unsupported_media_type", "The body must be JSON, with Content-Type: application/json."),
    429: HttpCode("too_many_requests", "Too many requests."),
    500: HttpCode("internal", "Something went wrong."),
    503: HttpCode("unavailable", "The server cannot answer just now."),
}
"""What Litestar and the server itself refuse, by status."""
INVALID_BODY = HttpCode("invalid_body", "The body breaks a rule.")
INVALID_PARAMETER = HttpCode("invalid_parameter", "A parameter in the address or a header breaks a rule.")


def app_problem(_: AnyRequest, error: AppError) -> Response[dict[str, Any]]:
    status = STATUS[error.kind]
    return _response(
        problem(status, error.code, error.detail, error.context, retryable=error.retryable),
        _headers(status, error.context.get("retry_after")),
    )


def limit_problem(request: AnyRequest, error: LimitExceeded) -> Response[Any]:
    """With how the user stands; as an event to those who want a stream."""
    streamed = refused_stream(request, error)
    if streamed is not None:
        return streamed
    status = STATUS[error.kind]
    body = problem(status, error.code, error.detail, error.context, retryable=error.retryable)
    return _response(body, limit_headers(error))


def http_problem(_: AnyRequest, error: HTTPException) -> Response[dict[str, Any]]:
    """Litestar's own errors: routing, bodies, methods. Its texts repeat addresses, so ours are told."""
    code, detail = HTTP_CODES.get(error.status_code, HttpCode("http_error", HTTPStatus(error.status_code).phrase))
    headers = {**_headers(error.status_code, None), **{k.title(): v for k, v in (error.headers or {}).items()}}
    return _response(problem(error.status_code, code, detail), headers)


def invalid_problem(request: AnyRequest, error: ValidationException) -> Response[dict[str, Any]]:
    found: list[dict[str, str]] = [entry for entry in error.extra or [] if isinstance(entry, dict)]
    body = [_broken_rule(entry) for entry in found if entry.get("source") == "body" or entry.get("key") == "data"]
    if body:
        return _response(problem(422, *INVALID_BODY, {"errors": body}))
    if found and all(entry.get("source") == "path" or entry.get("key") in request.path_params for entry in found):
        return _response(problem(404, *HTTP_CODES[404]))
    parameters = [
        {"parameter": _name(request, entry.get("key", "")), "detail": without_value(entry.get("message", ""))}
        for entry in found
    ]
    return _response(problem(422, *INVALID_PARAMETER, {"errors": parameters}))


def misread_problem(request: AnyRequest, error: InternalServerException) -> Response[dict[str, Any]]:
    """Litestar takes a bad field of a body for a fault of ours where a dependency bears the same name."""
    rule = _BODY_RULE.match(str(error.__cause__)) if isinstance(error.__cause__, msgspec.ValidationError) else None
    if rule is None:
        return http_problem(request, error)
    return _response(problem(422, *INVALID_BODY, {"errors": [_broken_rule(rule.groupdict())]}))


def crash_problem(_: AnyRequest, error: Exception) -> Response[dict[str, Any]]:
    """A database that is away passes; anything else is a bug: logged in full, told in brief."""
    body = _crash(error)
    return _response(body, _headers(body["status"], None))


def _crash(error: Exception) -> dict[str, Any]:
    if _is_away(error):
        logger.error("the database is away", error=type(error).__name__)
        return problem(503, *HTTP_CODES[503], retryable=True)
    logger.error("unhandled error", exc_info=error)
    return problem(500, *HTTP_CODES[500])


def explained(error: Exception) -> dict[str, Any]:
    """The problem of a failure that is told where there are no responses: on a socket."""
    if isinstance(error, AppError):
        return problem(STATUS[error.kind], error.code, error.detail, error.context, retryable=error.retryable)
    if isinstance(error, msgspec.ValidationError):
        rule = _MESSAGE_RULE.match(str(error))
        return problem(422, *INVALID_BODY, {"errors": [_broken_rule(rule.groupdict(""))] if rule else []})
    return _crash(error)


def _is_away(error: BaseException) -> bool:
    """Also where a library has wrapped what the driver said."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, OperationalError | InterfaceError | PoolTimeout | OSError):
        cause = cause.__cause__
    return cause is not None


HANDLERS: ExceptionHandlersMap = {
    AppError: app_problem,
    LimitExceeded: limit_problem,
    HTTPException: http_problem,
    InternalServerException: misread_problem,
    ValidationException: invalid_problem,
    Exception: crash_problem,
}


def problem(
    status: int, code: str, detail: str, members: dict[str, Any] | None = None, *, retryable: bool = False
) -> dict[str, Any]:
    """The problem object."""
    return {
        **(members or {}),
        "type": f"urn:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "retryable": retryable or status == HTTPStatus.SERVICE_UNAVAILABLE,
    }


def problem_bytes(status: int) -> bytes:
    """The problem of a status, where no framework stands around to encode it."""
    return msgspec.json.encode(problem(status, *HTTP_CODES[status]))


def _response(body: dict[str, Any], headers: dict[str, str] | None = None) -> Response[dict[str, Any]]:
    return Response(body, status_code=body["status"], media_type=MEDIA_TYPE, headers=headers or {})


def _headers(status: int, retry_after: object) -> dict[str, str]:
    headers = {}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(retry_after, int | float):
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    elif status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_SECONDS)
    return headers


def _name(request: AnyRequest, argument: str) -> str:
    """What clients call a parameter: its handler may have to call it otherwise."""
    field = request.route_handler.parsed_fn_signature.parameters.get(argument)
    told = field.kwarg_definition if field is not None else None
    return (told.name if isinstance(told, ParameterKwarg) else None) or argument


_FIELD = re.compile(r"(?:missing required|contains unknown) field `(?P<name>.*)`$")
_BODY_RULE = re.compile(r"(?P<message>.*) - at `\$\.data\.(?P<key>.*)`$")
_MESSAGE_RULE = re.compile(r"(?P<message>.*?)(?: - at `\$\.?(?P<key>[^`]*)`)?$", re.DOTALL)
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]")


def _broken_rule(entry: dict[str, str]) -> dict[str, str]:
    """Litestar's words about one field (`messages[0].role`), as a JSON pointer (`/messages/0/role`) and a sentence."""
    key, message = entry.get("key", ""), entry.get("message", "")
    if message == "'data'":
        return {"pointer": "", "detail": "A JSON body is required"}
    path = "" if key == "data" else "." + key
    steps = [name or index for name, index in _STEP.findall(path)]
    if field := _FIELD.search(message):
        steps.append(field["name"])
    pointer = "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in steps)
    return {"pointer": pointer, "detail": without_value(message)}
