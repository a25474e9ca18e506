"""The audit trail and where it stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.models import Action, AuditHead, AuditRow
from app.lib.db.insert import insert_new

_HEAD = AuditHead.__table__
_HEAD_OF = select(*_HEAD.c).where(_HEAD.c.owner_id == bindparam("owner"))
_HELD_HEAD_OF = _HEAD_OF.with_for_update()
_MOVE = (
    update(AuditHead)
    .where(AuditHead.owner_id == bindparam("owner"))
    .values(
        count=bindparam("new_count"),
        last_mac=bindparam("new_last_mac"),
        seals=bindparam("new_seals"),
        mac=bindparam("new_mac"),
    )
)
_ADD = insert(AuditRow.__table__)  # type: ignore[arg-type]


class TrailRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session

    async def head(self, owner_id: UUID, *, hold: bool) -> Any | None:
        """Where the owner's trail stands. Held: nobody else adds to it until this transaction ends."""
        query = _HELD_HEAD_OF if hold else _HEAD_OF
        return (await self._session.execute(query, {"owner": owner_id})).one_or_none()

    async def begin(self, **head: Any) -> None:
        """A head for a trail that has none, unless another has just made one."""
        await self._session.execute(insert_new(self._session, AuditHead, head))

    async def move_head(self, owner_id: UUID, *, count: int, last_mac: bytes, seals: bytes, mac: bytes) -> None:
        values = {"new_count": count, "new_last_mac": last_mac, "new_seals": seals, "new_mac": mac}
        await (await self._session.connection()).execute(_MOVE, {"owner": owner_id, **values})

    async def add(self, rows: list[dict[str, Any]]) -> None:
        await (await self._session.connection()).execute(_ADD, rows)

    async def any_row(self, owner_id: UUID) -> bool:
        found = await self._session.scalar(select(AuditRow.seq).where(AuditRow.owner_id == owner_id).limit(1))
        return found is not None

    async def page(self, *where: ColumnElement[bool], limit: int, offset: int) -> tuple[Sequence[AuditRow], int]:
        total = await self._session.scalar(select(func.count()).select_from(AuditRow).where(*where)) or 0
        newest_first = select(AuditRow).where(*where).order_by(AuditRow.at.desc(), AuditRow.seq.desc())
        if offset >= total:
            return [], total
        return (await self._session.scalars(newest_first.limit(limit).offset(offset))).all(), total

    async def after(self, owner_id: UUID, seq: int, most: int) -> Sequence[AuditRow]:
        """In the order in which they were written."""
        query = select(AuditRow).where(AuditRow.owner_id == owner_id, AuditRow.seq > seq)
        return (await self._session.scalars(query.order_by(AuditRow.seq).limit(most))).all()

    async def times(self, owner_id: UUID, action: Action, since: datetime) -> Sequence[datetime]:
        """When this was done since then, the oldest first."""
        done = [AuditRow.owner_id == owner_id, AuditRow.action == action, AuditRow.at > since]
        return (await self._session.scalars(select(AuditRow.at).where(*done).order_by(AuditRow.seq))).all()

    async def owners(self) -> Sequence[UUID]:
        """Everyone who has a trail, or a head of one."""
        rows = select(AuditRow.owner_id).union(select(AuditHead.owner_id))
        return sorted((await self._session.scalars(rows)).all())
