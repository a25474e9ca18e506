"""All SQL on the keys that make a start repeatable."""

from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import Table, delete, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.runs.errors import IdempotencyKeyReused
from app.domain.runs.idempotency import RepeatableStart
from app.domain.runs.models import Run, StartKey
from app.lib.db.insert import insert_or

KEPT = timedelta(hours=24)
_PURGED_AT_ONCE = 500

_TAKE = insert_or(
    cast("Table", StartKey.__table__),
    ["owner_id", "key", "fingerprint", "run_id", "created_at", "expires_at"],
    "(owner_id, key) DO UPDATE SET fingerprint = excluded.fingerprint, run_id = excluded.run_id,"
    " created_at = excluded.created_at, expires_at = excluded.expires_at"
    " WHERE start_key.expires_at <= excluded.created_at",
    ["run_id"],
)


class StartKeyRepository:
    """One user's keys."""

    def __init__(self, db_session: AsyncSession, owner_id: UUID) -> None:
        self._db_session = db_session
        self._owner_id = owner_id

    async def find(self, start: RepeatableStart, *, now: datetime) -> tuple[UUID, str] | None:
        """The run that the key stands for, and its session's key. Raises IdempotencyKeyReused for another start's."""
        query = (
            select(StartKey.fingerprint, Run.id, Run.session_key)
            .join(Run, Run.id == StartKey.run_id)
            .where(StartKey.owner_id == self._owner_id, StartKey.key == start.key, StartKey.expires_at > now)
        )
        row = (await self._db_session.execute(query)).one_or_none()
        if row is None:
            return None
        if row.fingerprint != start.fingerprint:
            raise IdempotencyKeyReused
        return row.id, row.session_key

    async def take(self, start: RepeatableStart, run_id: UUID, *, now: datetime) -> tuple[UUID, str] | None:
        """Let the key stand for this run, as yet to be stored; else the one that it stands for already.

        Waits for the transaction that takes the same key at the same time.
        """
        await self._forget_over(now)
        row = {"owner_id": self._owner_id, "key": start.key, "fingerprint": start.fingerprint, "run_id": run_id}
        times = {"created_at": now, "expires_at": now + KEPT}
        if (await self._db_session.execute(_TAKE, row | times)).first() is not None:
            return None
        return await self.find(start, now=now)

    async def _forget_over(self, now: datetime) -> None:
        """Waits for no one: what is in use stays until the next time."""
        over = (
            select(StartKey.owner_id, StartKey.key)
            .where(StartKey.expires_at <= now)
            .limit(_PURGED_AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        await self._db_session.execute(delete(StartKey).where(tuple_(StartKey.owner_id, StartKey.key).in_(over)))
