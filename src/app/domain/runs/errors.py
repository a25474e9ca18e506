"""Why a run could not start, be found, or go on."""

from uuid import UUID

from app.lib.errors import AppError, ErrorKind


class RunNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "run_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such run.")


class SessionBusy(AppError):
    kind = ErrorKind.CONFLICT
    code = "session_busy"
    retryable = True

    def __init__(self, run_id: UUID) -> None:
        super().__init__("The session has an active run. Wait for it or cancel it.", run_id=str(run_id))


class NoUserMessage(AppError):
    kind = ErrorKind.INVALID
    code = "no_user_message"

    def __init__(self) -> None:
        detail = "A user message with something in it is needed."
        super().__init__(detail, errors=[{"pointer": "/messages", "detail": detail}])


class ContentTooLong(AppError):
    kind = ErrorKind.INVALID
    code = "content_too_long"

    def __init__(self, position: int, limit: int) -> None:
        detail = f"A message holds at most {limit} characters."
        super().__init__(detail, limit=limit, errors=[{"pointer": f"/messages/{position}/content", "detail": detail}])


class TooManyMessages(AppError):
    kind = ErrorKind.INVALID
    code = "too_many_messages"

    def __init__(self, limit: int) -> None:
        detail = f"Between 1 and {limit} messages are needed."
        super().__init__(detail, limit=limit, errors=[{"pointer": "/messages", "detail": detail}])


class SecretNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "secret_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such secret.")


class StreamingDisabled(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "streaming_disabled"

    def __init__(self) -> None:
        super().__init__("This server does not stream. Ask for JSON instead.")


class NotReplaceable(AppError):
    kind = ErrorKind.CONFLICT
    code = "run_not_replaceable"

    def __init__(self) -> None:
        super().__init__("Only a finished run of the same session can be replaced.")


class ServerStopping(AppError):
    kind = ErrorKind.UNAVAILABLE
    code = "server_stopping"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The server is stopping. Try again in a moment.")


class RunInterrupted(AppError):
    kind = ErrorKind.UNAVAILABLE
    code = "run_interrupted"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The server stopped while the run was going on.")


class RunTimeout(AppError):
    kind = ErrorKind.UPSTREAM
    code = "run_timeout"
    retryable = True

    def __init__(self, seconds: float) -> None:
        super().__init__(f"The run took longer than {seconds:g} seconds.")


class MaxTurnsReached(AppError):
    kind = ErrorKind.INVALID
    code = "max_turns_reached"

    def __init__(self, turns: int) -> None:
        super().__init__(f"The agent did not finish within {turns} turns.", limit=turns)


class ModelMisbehaved(AppError):
    kind = ErrorKind.UPSTREAM
    code = "model_misbehaved"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The model answered with something that cannot be carried out.")


class RunCrashed(AppError):
    kind = ErrorKind.INTERNAL
    code = "internal"

    def __init__(self) -> None:
        super().__init__("Something went wrong.")


class BadCursor(AppError):
    kind = ErrorKind.INVALID
    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__("Last-Event-ID must be the id of an event: a whole number.")
