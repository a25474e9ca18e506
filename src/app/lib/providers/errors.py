"""The one error of all providers."""

from enum import StrEnum

from app.lib.errors import AppError, ErrorKind


class ProviderErrorKind(StrEnum):
    BAD_REQUEST = "bad_request"
    AUTHENTICATION = "authentication"
    PERMISSION = "permission"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    SERVER = "server"
    TIMEOUT = "timeout"
    UNREACHABLE = "unreachable"
    CUT = "cut"
    """The stream ended without the wire's end marker."""
    MALFORMED = "malformed"
    """What came is not what the wire's protocol says."""
    RESTING = "resting"
    """It was not called: it has failed for several users just now."""


_PASSING = {
    ProviderErrorKind.RATE_LIMIT,
    ProviderErrorKind.OVERLOADED,
    ProviderErrorKind.SERVER,
    ProviderErrorKind.TIMEOUT,
    ProviderErrorKind.UNREACHABLE,
    ProviderErrorKind.CUT,
    ProviderErrorKind.RESTING,
}


class ProviderError(AppError):
    """A provider could not answer. `detail` is our own words: never the provider's body, never a key."""

    kind = ErrorKind.UPSTREAM
    code = "provider_unavailable"

    def __init__(
        self,
        reason: ProviderErrorKind,
        detail: str,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        upstream_request_id: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.status = status
        self.retry_after = retry_after
        """Seconds."""
        self.upstream_request_id = upstream_request_id
        self.retryable = reason in _PASSING


class UnknownModel(AppError):
    kind = ErrorKind.INVALID
    code = "unknown_model"

    def __init__(self) -> None:
        super().__init__("There is no such model. Models are named provider/model, for example demo/todo.")


class CredentialMissing(AppError):
    kind = ErrorKind.INVALID
    code = "credential_missing"

    def __init__(self, provider: str) -> None:
        super().__init__(f"There is no key for {provider} that this request may use.", provider=provider)


class BadKey(AppError):
    kind = ErrorKind.INVALID
    code = "credential_unusable"

    def __init__(self) -> None:
        super().__init__("The key is empty or holds characters that no key has.")


class BadBaseURL(AppError):
    kind = ErrorKind.INVALID
    code = "base_url_unusable"

    def __init__(self) -> None:
        super().__init__("The base URL is not an http or https address without user name and fragment.")


class BadRegion(AppError):
    kind = ErrorKind.INVALID
    code = "region_unusable"

    def __init__(self) -> None:
        super().__init__("The region is missing or is not the name of an AWS region, such as eu-central-1.")


class TaskRejected(AppError):
    """What is asked for will not be done: the run ends `rejected`, not failed."""

    kind = ErrorKind.INVALID
    code = "task_rejected"

    def __init__(self) -> None:
        super().__init__("The agent does not take on this task.")
