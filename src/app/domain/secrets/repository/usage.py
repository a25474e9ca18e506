"""What secrets were used for, by day."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.models import SecretUsage


class UsageRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def add(
        self, secret_id: UUID, day: date, counts: Mapping[str, int], *, error: str | None, at: datetime
    ) -> None:
        """In one statement, so that parallel calls are all counted. Raises IntegrityError where the secret is gone."""
        on_postgres = self._session.get_bind().dialect.name == "postgresql"
        insert = (postgresql.insert if on_postgres else sqlite.insert)(SecretUsage).values(
            secret_id=secret_id, day=day, last_error=error, last_error_at=at if error else None, **counts
        )
        changes: dict[str, Any] = {name: getattr(SecretUsage, name) + insert.excluded[name] for name in counts}
        if error:
            changes |= {name: insert.excluded[name] for name in ("last_error", "last_error_at")}
        await self._session.execute(insert.on_conflict_do_update(index_elements=["secret_id", "day"], set_=changes))

    async def days(self, secret_id: UUID, *, limit: int, offset: int) -> tuple[Sequence[SecretUsage], int]:
        """The newest first, and how many there are."""
        of_it = SecretUsage.secret_id == secret_id
        total = await self._session.scalar(select(func.count()).select_from(SecretUsage).where(of_it)) or 0
        newest_first = select(SecretUsage).where(of_it).order_by(SecretUsage.day.desc())
        return (await self._session.scalars(newest_first.limit(limit).offset(offset))).all(), total

    async def last_error(self, secret_id: UUID) -> Row[tuple[str | None, datetime | None]] | None:
        failed = (
            select(SecretUsage.last_error, SecretUsage.last_error_at)
            .where(SecretUsage.secret_id == secret_id, SecretUsage.last_error.is_not(None))
            .order_by(SecretUsage.day.desc())
            .limit(1)
        )
        return (await self._session.execute(failed)).one_or_none()
