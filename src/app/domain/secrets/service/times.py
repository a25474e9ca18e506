"""When a secret ends."""

from datetime import datetime, timedelta

from app.domain.secrets.errors import SecretDisabled, SecretExpired
from app.domain.secrets.models import Secret, SecretVersion
from app.domain.secrets.schemas import SecretState

WARNINGS = (1, 7, 30)
"""Days before the end."""


def ends_at(secret: Secret, version: SecretVersion, max_age_days: int | None) -> datetime | None:
    """What its owner has set, or earlier where the version grows older than the provider's keys may become."""
    too_old = None if max_age_days is None else version.created_at + timedelta(days=max_age_days)
    return min((end for end in (secret.expires_at, too_old) if end is not None), default=None)


def state_of(secret: Secret, end: datetime | None, *, now: datetime) -> SecretState:
    if secret.disabled_by is not None:
        return "disabled"
    return "expired" if end is not None and end <= now else "active"


def check_usable(secret: Secret, end: datetime | None, *, now: datetime) -> None:
    """Raises SecretDisabled and SecretExpired."""
    state = state_of(secret, end, now=now)
    if state == "disabled":
        raise SecretDisabled(secret.id)
    if state == "expired":
        raise SecretExpired(secret.id)


def warning(end: datetime | None, *, now: datetime) -> int | None:
    """Which warning is due: the least number of days within which the secret ends. None: none yet, or it has ended."""
    if end is None or end <= now:
        return None
    return next((days for days in WARNINGS if end - now <= timedelta(days=days)), None)


def is_valid(version: SecretVersion, *, now: datetime) -> bool:
    """Whether its value is there, and it is the current one or may be gone back to."""
    return version.ciphertext is not None and (version.valid_until is None or version.valid_until > now)
