"""When a secret ends, and when its owner is told that it will."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.domain.secrets.models import Secret, SecretVersion
from app.domain.secrets.repository.expiring import ExpiringRepository
from app.domain.secrets.schemas import SecretWarning
from app.lib.clock import Clock
from app.lib.db.engine import Database

_WARNINGS: dict[int, SecretWarning] = {1: "expires_in_1_day", 7: "expires_in_7_days", 30: "expires_in_30_days"}
"""By days, the most urgent first."""


class Ending(NamedTuple):
    """A secret that ends soon: within `days`, of 30, 7 and 1 the fewest that hold."""

    secret_id: UUID
    name: str
    ends_at: datetime
    days: int


def ends_at(secret: Secret, current: SecretVersion, max_age_days: int | None) -> datetime | None:
    """The earlier of what its owner has set and what the maximum age makes of its current version."""
    ends = [] if secret.expires_at is None else [secret.expires_at]
    if max_age_days is not None:
        ends.append(current.created_at + timedelta(days=max_age_days))
    return min(ends, default=None)


def days_of_warning(end: datetime | None, now: datetime) -> int | None:
    """None where the end is far, or has come."""
    if end is None or end <= now:
        return None
    return next((days for days in _WARNINGS if end - now <= timedelta(days=days)), None)


def warnings_of(end: datetime | None, now: datetime) -> list[SecretWarning]:
    days = days_of_warning(end, now)
    return [] if days is None else [_WARNINGS[days]]


class Endings:
    """Which secrets end soon, for those who are there to hear of it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def soon(self, owner_ids: Collection[UUID]) -> dict[UUID, list[Ending]]:
        """By owner. Disabled secrets are not among them: nobody waits for those."""
        now = self._clock.now()
        found: dict[UUID, list[Ending]] = {}
        async with self._db.reading() as db_session:
            rows = await ExpiringRepository(db_session).candidates(
                owner_ids, before=now + timedelta(days=max(_WARNINGS))
            )
        for secret, current, max_age_days in rows:
            end = ends_at(secret, current, max_age_days)
            days = days_of_warning(end, now)
            if end is not None and days is not None:
                found.setdefault(secret.owner_id, []).append(Ending(secret.id, secret.name, end, days))
        return found
