"""Logs that are older than they are kept go, a few at a time; their runs and what was said in them stay."""

from datetime import timedelta

import anyio
import structlog

from app.domain.runs.repository import RunRepository
from app.lib.clock import Clock
from app.lib.db.engine import Database

INTERVAL_SECONDS = 3600.0
RUNS_AT_ONCE = 20
PAUSE_SECONDS = 0.1
"""Between two batches: others write, too."""

logger = structlog.get_logger()


class Retention:
    def __init__(self, db: Database, clock: Clock, *, days: int) -> None:
        self._db = db
        self._clock = clock
        self._days = days

    async def run(self) -> None:
        """Once an hour, forever. Several nodes may do so at the same time."""
        while self._days > 0:
            try:
                purged = await self.purge()
                if purged:
                    logger.info("old run logs are gone", runs=purged)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("old run logs cannot be purged", error=type(error).__name__)
            await anyio.sleep(INTERVAL_SECONDS)

    async def purge(self) -> int:
        """How many logs went."""
        before = self._clock.now() - timedelta(days=self._days)
        purged = 0
        while True:
            async with self._db.writing() as db_session:
                some = await RunRepository(db_session).purge_logs(before, RUNS_AT_ONCE)
            purged += some
            if some < RUNS_AT_ONCE:
                return purged
            await anyio.sleep(PAUSE_SECONDS)
