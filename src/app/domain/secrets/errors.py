"""Why a secret could not be kept, opened or shown."""

from uuid import UUID

from app.lib.errors import AppError, ErrorKind


class SecretNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "secret_not_found"

    def __init__(self, secret_id: UUID) -> None:
        super().__init__("There is no such secret.", secret_id=str(secret_id))


class VersionNotFound(AppError):
    """There is no such version of the secret, or its time is over."""

    kind = ErrorKind.NOT_FOUND
    code = "secret_version_not_found"

    def __init__(self, version: int) -> None:
        super().__init__(f"There is no version {version} of this secret to go back to.", version=version)


class SecretDisabled(AppError):
    kind = ErrorKind.CONFLICT
    code = "secret_disabled"

    def __init__(self, secret_id: UUID) -> None:
        super().__init__("This secret is disabled.", secret_id=str(secret_id))


class SecretExpired(AppError):
    kind = ErrorKind.CONFLICT
    code = "secret_expired"

    def __init__(self, secret_id: UUID) -> None:
        super().__init__("This secret has expired: store its successor.", secret_id=str(secret_id))


class SecretTampered(AppError):
    """What the database holds of a secret is not what was stored: it was changed, moved or put back."""

    kind = ErrorKind.CONFLICT
    code = "secret_tampered"

    def __init__(self, secret_id: UUID) -> None:
        super().__init__("This secret is not as it was stored. Store it again.", secret_id=str(secret_id))


class TrailTampered(AppError):
    """The audit trail is not as it was written. Without it no secret is used."""

    kind = ErrorKind.CONFLICT
    code = "audit_tampered"

    def __init__(self) -> None:
        super().__init__("The audit trail of these secrets was changed: whoever runs this server must look at it.")


class VaultSealed(AppError):
    """The server has no master key, or not the one that this needs."""

    kind = ErrorKind.UNAVAILABLE
    code = "vault_sealed"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The vault is sealed: this server does not have its master key.", retry_after=30)


class TooManySecrets(AppError):
    kind = ErrorKind.CONFLICT
    code = "too_many_secrets"

    def __init__(self, most: int) -> None:
        super().__init__(f"There can be {most} secrets; delete one first.", most=most)


class UnknownProvider(AppError):
    kind = ErrorKind.INVALID
    code = "unknown_provider"

    def __init__(self, known: list[str]) -> None:
        detail = f"There is no such provider. There are {', '.join(known)}."
        super().__init__(detail, errors=[{"pointer": "/provider", "detail": detail}])


class PolicyNotFound(AppError):
    kind = ErrorKind.NOT_FOUND
    code = "policy_not_found"

    def __init__(self, provider: str) -> None:
        super().__init__("Keys for this provider may become as old as they will.", provider=provider)


class RevealLimited(AppError):
    kind = ErrorKind.EXHAUSTED
    code = "reveal_limited"
    retryable = True

    def __init__(self, most: int, retry_after: int) -> None:
        super().__init__(f"Secrets can be shown {most} times an hour.", retry_after=retry_after)
