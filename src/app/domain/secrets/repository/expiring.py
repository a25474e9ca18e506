"""Secrets whose end is near."""

from collections.abc import Collection
from datetime import datetime
from itertools import batched
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.models import Secret, SecretPolicy, SecretVersion

_AT_ONCE = 500


class ExpiringRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def candidates(self, owner_ids: Collection[UUID], *, before: datetime) -> list[Row[Any]]:
        """Each with its current version and its maximum age. Where there is such an age, the caller does the sum."""
        query = (
            select(Secret, SecretVersion, SecretPolicy.max_age_days)
            .join(SecretVersion, and_(SecretVersion.secret_id == Secret.id, SecretVersion.version == Secret.version))
            .outerjoin(SecretPolicy, SecretPolicy.provider == Secret.provider)
            .where(
                Secret.disabled_by.is_(None), or_(Secret.expires_at <= before, SecretPolicy.max_age_days.is_not(None))
            )
        )
        found: list[Row[Any]] = []
        for some in batched(owner_ids, _AT_ONCE):
            found += (await self._session.execute(query.where(Secret.owner_id.in_(some)))).all()
        return found
