"""Why something cannot be done that A2A knows and the rest of the product does not."""

from app.lib.errors import AppError, ErrorKind


class TaskNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "task_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such task.")


class TaskOver(AppError):
    kind = ErrorKind.CONFLICT
    code = "task_over"

    def __init__(self) -> None:
        super().__init__("The task has ended. Begin a new one, in the same context if you like.")


class TaskWorking(AppError):
    """A message to it would be a second thing at once."""

    kind = ErrorKind.CONFLICT
    code = "task_working"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The task is at work and asks nothing. Wait for it or cancel it.")


class TaskNotCancelable(AppError):
    kind = ErrorKind.CONFLICT
    code = "task_not_cancelable"

    def __init__(self) -> None:
        super().__init__("The task has ended before.")


class ContextMismatch(AppError):
    kind = ErrorKind.INVALID
    code = "context_mismatch"

    def __init__(self) -> None:
        super().__init__("The task belongs to another context.")


class ContentNotSupported(AppError):
    kind = ErrorKind.INVALID
    code = "content_not_supported"

    def __init__(self) -> None:
        super().__init__("Only text, JSON data and files of text are understood.")


class NotJson(AppError):
    kind = ErrorKind.INVALID
    code = "not_json"

    def __init__(self) -> None:
        super().__init__("A body is JSON: its type is application/json or application/a2a+json.")


class AnswerUnclear(AppError):
    """Nothing was decided."""

    kind = ErrorKind.INVALID
    code = "answer_unclear"

    def __init__(self) -> None:
        super().__init__(
            'The task waits for an approval: say "approve" or "reject", or send {"approve": true} as data.'
        )


class BadParams(AppError):
    kind = ErrorKind.INVALID
    code = "bad_params"

    def __init__(self, why: str) -> None:
        super().__init__(f"The parameters break a rule: {why}.")


class PushConfigNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "push_config_not_found"

    def __init__(self) -> None:
        super().__init__("The task has no such push notification configuration.")


class TooManyPushConfigs(AppError):
    kind = ErrorKind.INVALID
    code = "too_many_push_configs"

    def __init__(self, limit: int) -> None:
        super().__init__(f"There are at most {limit} push notification configurations.", limit=limit)
