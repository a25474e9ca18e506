"""SQL on what the administrators have set."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.elements import ColumnElement

from app.domain.quotas.models import Quota
from app.lib.db.insert import insert_new


class LimitRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def page(self, *, limit: int, offset: int) -> tuple[list[Quota], int]:
        """Those of roles first."""
        total = await self._db_session.scalar(select(func.count()).select_from(Quota))
        query = select(Quota).order_by(Quota.role.is_(None), Quota.role, Quota.id).limit(limit).offset(offset)
        return [*await self._db_session.scalars(query)], total or 0

    async def put(self, whose: dict[str, Any], limits: dict[str, Any]) -> Quota:
        """Of a user or a role. Of two at once the later one holds."""
        await self._db_session.execute(insert_new(self._db_session, Quota, {**whose, **limits}))
        found: Quota = (await self._db_session.scalars(select(Quota).where(_is(whose)).with_for_update())).one()
        for name, value in limits.items():
            setattr(found, name, value)
        await self._db_session.flush()
        await self._db_session.refresh(found)
        return found

    async def remove(self, whose: dict[str, Any]) -> bool:
        removed = delete(Quota).where(_is(whose)).returning(Quota.id)
        return (await self._db_session.execute(removed)).first() is not None


def _is(whose: dict[str, UUID | str]) -> ColumnElement[bool]:
    ((name, value),) = whose.items()
    return getattr(Quota, name) == value  # type: ignore[no-any-return]
