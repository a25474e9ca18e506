"""Why a run may not write on."""

from app.lib.errors import AppError, ErrorKind


class LeaseLost(BaseException):
    """Another attempt owns the run. Not an Exception: no handler of a tool or a model may eat it."""


class LogTooLarge(AppError):
    kind = ErrorKind.TOO_LARGE
    code = "run_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The run's log grew past {limit} bytes.", limit=limit)
