"""How often something may be tried in a window of time."""

import hashlib
from datetime import timedelta

from app.domain.accounts.errors import TooManyTries
from app.domain.accounts.repository import TryRepository
from app.lib.clock import Clock
from app.lib.db.engine import Database


class Tries:
    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def count(self, limits: dict[str, int], *, window: timedelta) -> None:
        """One try for each key; raises TooManyTries past its limit.

        Counted before what is tried is done, in a transaction of its own: a refusal must not undo it. The window
        begins with the first try.
        """
        now = self._clock.now()
        async with self._db.writing() as db_session:
            counted = await TryRepository(db_session).count([*limits], now=now, resets_at=now + window)
        waits = [until - now for key, (tries, until) in counted.items() if tries > limits[key]]
        if waits:
            raise TooManyTries(max(1, round(max(waits).total_seconds())))


def try_key(kind: str, value: str) -> str:
    """Hashed: what people type into an address field is sometimes a password."""
    return f"{kind}:{hashlib.sha256(value.encode('utf-8', 'surrogatepass')).hexdigest()}"
