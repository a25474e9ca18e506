"""Why a user may not go on just now."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from app.lib.errors import AppError, ErrorKind

MonthlyKind = Literal["requests", "tokens", "cost"]
LimitKind = Literal["rate", "concurrency"] | MonthlyKind


class LimitExceeded(AppError):
    """Nothing was consumed. Before a run it is a refusal; in the middle of one it ends it."""

    kind = ErrorKind.EXHAUSTED
    code = "rate_limit_exceeded"
    retryable = True

    def __init__(
        self,
        message: str,
        *,
        kind: LimitKind,
        current_usage: float | None = None,
        monthly_limit: float | None = None,
        remaining_quota: float | None = None,
        reset_date: datetime | None = None,
        retry_after: int,
    ) -> None:
        self.event: dict[str, Any] = {
            "message": message,
            "kind": kind,
            "current_usage": current_usage,
            "monthly_limit": monthly_limit,
            "remaining_quota": remaining_quota,
            "reset_date": reset_date,
            "retry_after": retry_after,
        }
        """The event `rate_limit_exceeded`."""
        super().__init__(message, **self.event)
        self.standing: Any = None
        """How the user stands, for the RateLimit headers."""


class RateLimitUnavailable(AppError):
    """Rate limits cannot be counted, and the operator wants no uncounted starts (`HEADGATE_RATE_LIMIT_FAIL`)."""

    kind = ErrorKind.UNAVAILABLE
    code = "rate_limit_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Rate limits cannot be counted just now. Try again in a moment.")


class QuotaUnavailable(AppError):
    """Quotas cannot be counted, and the operator wants no uncounted calls (`HEADGATE_QUOTA_FAIL`)."""

    kind = ErrorKind.UNAVAILABLE
    code = "quota_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("Quotas cannot be counted just now. Try again in a moment.")


class QuotaNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "quota_not_found"

    def __init__(self, whose: str | UUID) -> None:
        super().__init__(f"There is no quota of {whose}.")
