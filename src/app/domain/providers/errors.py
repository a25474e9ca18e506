"""Why a key of a user's own cannot be used."""

from app.lib.errors import AppError, ErrorKind


class SecretNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "secret_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such secret.")
