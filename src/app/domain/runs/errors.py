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


class StreamingDisabled(AppError):
    kind = ErrorKind.FORBIDDEN
    code = "streaming_disabled"

    def __init__(self) -> None:
        super().__init__("This server does not stream. Ask for JSON instead.")


class QuestionNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "question_not_found"

    def __init__(self) -> None:
        super().__init__("The run asks no such thing.")


class AlreadyAnswered(AppError):
    kind = ErrorKind.CONFLICT
    code = "already_answered"

    def __init__(self) -> None:
        super().__init__("This was answered before, in another way.")


class NotReplaceable(AppError):
    kind = ErrorKind.CONFLICT
    code = "run_not_replaceable"

    def __init__(self) -> None:
        super().__init__("Only a finished run of the same session can be replaced.")


class NotContinuable(AppError):
    kind = ErrorKind.CONFLICT
    code = "run_not_continuable"

    def __init__(self) -> None:
        super().__init__("Only a session's last run can be continued, where it broke off in the middle of an answer.")


class BadMessage(AppError):
    """A message on a WebSocket that is none. The connection stays."""

    kind = ErrorKind.UNREADABLE
    code = "bad_message"

    def __init__(self, why: str) -> None:
        super().__init__(f"The message cannot be read: {why}.")


class AlreadyAuthenticated(AppError):
    kind = ErrorKind.CONFLICT
    code = "already_authenticated"

    def __init__(self) -> None:
        super().__init__("This connection is somebody's already; open another one.")


class TooManyFollows(AppError):
    kind = ErrorKind.EXHAUSTED
    code = "too_many_follows"

    def __init__(self, limit: int) -> None:
        super().__init__(f"One connection follows at most {limit} runs.", limit=limit)


class TooManyRuns(AppError):
    """One process executes so many runs at once. Nothing was stored or counted."""

    kind = ErrorKind.UNAVAILABLE
    code = "too_many_runs"
    retryable = True

    def __init__(self, limit: int) -> None:
        super().__init__("The server executes as many runs as it can. Try again in a moment.", limit=limit)


class TooManyReaders(AppError):
    """One process has so many open streams at once. Nothing was started."""

    kind = ErrorKind.UNAVAILABLE
    code = "too_many_readers"
    retryable = True

    def __init__(self, limit: int) -> None:
        super().__init__("The server has as many open streams as it can. Try again in a moment.", limit=limit)


class ServerBusy(AppError):
    """The server is under pressure and takes only some of the new runs. Nothing was stored or counted."""

    kind = ErrorKind.UNAVAILABLE
    code = "server_busy"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The server has more to do than it can. Try again in a moment.")


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


class BadIdempotencyKey(AppError):
    kind = ErrorKind.INVALID
    code = "bad_idempotency_key"

    def __init__(self) -> None:
        super().__init__("An idempotency key is 1 to 255 printable ASCII characters.")


class IdempotencyKeyReused(AppError):
    kind = ErrorKind.INVALID
    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__("This idempotency key belongs to another start. Choose a new one for each.")


class BadCursor(AppError):
    kind = ErrorKind.INVALID
    code = "bad_cursor"

    def __init__(self) -> None:
        super().__init__("Last-Event-ID must be the id of an event: a whole number.")
