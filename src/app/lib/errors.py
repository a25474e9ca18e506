"""The one shape of a failure that a caller can understand; every transport maps its kind to its own codes."""

from enum import StrEnum
from typing import ClassVar


class ErrorKind(StrEnum):
    """What went wrong, in terms every transport can express."""

    UNREADABLE = "unreadable"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    CONFLICT = "conflict"
    TOO_LARGE = "too_large"
    INVALID = "invalid"
    EXHAUSTED = "exhausted"
    UPSTREAM = "upstream"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


STATUS = {
    ErrorKind.UNREADABLE: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.TOO_LARGE: 413,
    ErrorKind.INVALID: 422,
    ErrorKind.EXHAUSTED: 429,
    ErrorKind.INTERNAL: 500,
    ErrorKind.UPSTREAM: 502,
    ErrorKind.UNAVAILABLE: 503,
}
"""The HTTP status of each kind, also in the `error` event of a run."""


class AppError(Exception):
    """A failure the caller can understand and act on."""

    kind: ClassVar[ErrorKind]
    code: ClassVar[str]
    """Stable and public, for example `session_busy`. Clients branch on it."""
    retryable: bool = False
    """The same request may succeed later, unchanged."""

    def __init__(self, detail: str, **context: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.context = context
        """Extra members of the response. Shown to the caller: no secrets here."""


class InvalidField(AppError):
    """A rule about one field of the body was broken."""

    kind = ErrorKind.INVALID
    code = "invalid_field"

    def __init__(self, pointer: str, detail: str) -> None:
        super().__init__(detail, errors=[{"pointer": pointer, "detail": detail}])
