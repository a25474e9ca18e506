"""Telling owners that a secret ends soon."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from app.domain.secrets.repository.expiring import ExpiringRepository
from app.domain.secrets.service.times import WARNINGS, ends_at, warning
from app.lib.clock import Clock
from app.lib.db.engine import Database


class Ending(NamedTuple):
    """A secret that ends soon: within so many days, of 30, 7 and 1 the fewest that hold."""

    secret_id: UUID
    name: str
    ends_at: datetime
    days: int


class Endings:
    """Which secrets end soon, for those who are there to hear of it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def soon(self, owner_ids: Collection[UUID]) -> dict[UUID, list[Ending]]:
        """By owner. Disabled secrets are not among them: nobody waits for those."""
        now = self._clock.now()
        before = now + timedelta(days=max(WARNINGS))
        found: dict[UUID, list[Ending]] = {}
        async with self._db.reading() as db_session:
            rows = await ExpiringRepository(db_session).candidates(owner_ids, before=before)
        for secret, current, max_age_days in rows:
            end = ends_at(secret, current, max_age_days)
            days = warning(end, now=now)
            if end is not None and days is not None:
                found.setdefault(secret.owner_id, []).append(Ending(secret.id, secret.name, end, days))
        return found
