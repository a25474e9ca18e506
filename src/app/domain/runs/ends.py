"""How a run ends: its terminal event and what its row says of it, made together so that they agree."""

from http import HTTPStatus
from typing import Any

import msgspec

from app.domain.quotas.errors import LimitExceeded
from app.domain.runs.attempt import Attempt
from app.domain.runs.events import Cancelled, Completed, Failed, RateLimitExceeded, RunEnd
from app.domain.runs.states import RunState
from app.lib.errors import STATUS, AppError
from app.lib.providers.errors import TaskRejected


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    state: RunState
    event: RunEnd
    message: str
    """The final message, or what was answered until then."""
    finish_reason: str | None = None
    error: dict[str, Any] | None = None


def completed(attempt: Attempt) -> Ending:
    message, reason = attempt.last_message, attempt.finish_reason
    event = Completed(final_message=message, usage=attempt.usage, finish_reason=reason)
    return Ending(state=RunState.COMPLETED, event=event, message=message, finish_reason=reason)


def cancelled(attempt: Attempt, *, upstream_closed: bool) -> Ending:
    message = attempt.last_message
    event = Cancelled(partial_message=message, usage=attempt.usage, upstream_closed=upstream_closed)
    return Ending(state=RunState.CANCELLED, event=event, message=message)


def failed(attempt: Attempt, error: AppError) -> Ending:
    """Of a quota that ran out it says so, in the words of a refusal."""
    problem: dict[str, Any] = {
        "type": f"urn:problem:{error.code}",
        "title": HTTPStatus(STATUS[error.kind]).phrase,
        "status": STATUS[error.kind],
        "detail": error.detail,
        "code": error.code,
        "request_id": None,
        "retryable": error.retryable,
    }
    message = attempt.last_message
    if isinstance(error, LimitExceeded):
        told = RateLimitExceeded(**error.event)
        return Ending(state=RunState.LIMITED, event=told, message=message, error=problem)
    event = Failed(**problem, message=error.detail, partial_message=message)
    state = RunState.REJECTED if isinstance(error, TaskRejected) else RunState.FAILED
    return Ending(state=state, event=event, message=message, error=problem)
