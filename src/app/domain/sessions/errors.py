"""Why a session cannot be used."""

from app.lib.errors import AppError, ErrorKind


class SessionNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "session_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such session.")
