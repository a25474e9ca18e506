"""The only SQL that touches `session` and `session_item`."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Select, Table, delete, func, insert, select, update

from app.domain.sessions.models import Session, SessionItem
from app.lib.db.insert import insert_or
from app.lib.db.owned import OwnedRepository

_SESSION, _ITEM = (cast("Table", table.__table__) for table in (Session, SessionItem))


_ADD_ITEMS = insert(_ITEM)


# One statement for a session that is new and for one that is not: no two requests can make it twice.
_ENTER = insert_or(
    _SESSION,
    ["id", "owner_id", "key", "title", "last_seq", "last_active_at", "created_at", "updated_at"],
    "(owner_id, key) DO UPDATE SET last_active_at = excluded.last_active_at, updated_at = excluded.updated_at,"
    " title = coalesce(session.title, excluded.title)",
    ["id", "last_seq"],
)


class SessionRepository(OwnedRepository[Session]):
    model_type = Session

    async def by_key(self, key: str) -> Session | None:
        # Statements below change rows behind the back of loaded objects.
        return await self.get_one_or_none(Session.key == key, execution_options={"populate_existing": True})

    async def enter(self, new_id: UUID, key: str, at: datetime, title: str | None) -> tuple[UUID, int]:
        """The id and newest number of the owner's session of this key; `new_id` and 0 where it is made just now."""
        values = {"id": new_id, "owner_id": self.owner_id, "key": key, "title": title, "last_seq": 0}
        times = {"last_active_at": at, "created_at": at, "updated_at": at}
        row = (await self.session.execute(_ENTER, {**values, **times})).one()
        return row.id, row.last_seq

    async def newest(self, *, limit: int, offset: int) -> tuple[Sequence[Session], int]:
        """By activity."""
        order = (Session.last_active_at.desc(), Session.id.desc())
        return await self.page(order_by=order, limit=limit, offset=offset)

    async def remove(self, key: str) -> bool:
        statement = delete(Session).where(Session.owner_id == self.owner_id, Session.key == key).returning(Session.id)
        return (await self.session.scalar(statement)) is not None

    async def numbers(self, session_id: UUID, count: int, at: datetime, *, only_first: bool = False) -> int | None:
        """The last number before `count` new ones, which are the caller's from now on.

        Others who ask wait until the caller's transaction ends, and get the same numbers if it fails.
        """
        statement = (
            update(Session)
            .where(Session.owner_id == self.owner_id, Session.id == session_id)
            .values(last_seq=Session.last_seq + count, last_active_at=at, updated_at=at)
            .returning(Session.last_seq)
            .execution_options(synchronize_session=False)
        )
        last = await self.session.scalar(statement.where(Session.last_seq == 0) if only_first else statement)
        return None if last is None else last - count

    async def insert_items(
        self, session_id: UUID, run_id: UUID | None, items: Sequence[dict[str, Any]], *, after: int, at: datetime
    ) -> None:
        rows = [
            {"session_id": session_id, "seq": seq, "run_id": run_id, "item": item, "created_at": at}
            for seq, item in enumerate(items, after + 1)
        ]
        await self.session.execute(_ADD_ITEMS, rows)

    async def replace_from(self, session_id: UUID, run_id: UUID, by: UUID) -> None:
        """What `run_id` wrote, and all after it, is no part of the conversation any more."""
        own = select(Session.id).where(Session.owner_id == self.owner_id, Session.id == session_id).scalar_subquery()
        first = (
            select(func.min(SessionItem.seq))
            .where(SessionItem.session_id == session_id, SessionItem.run_id == run_id)
            .scalar_subquery()
        )
        await self.session.execute(
            update(SessionItem)
            .where(SessionItem.session_id == own, SessionItem.seq >= first, SessionItem.replaced_by.is_(None))
            .values(replaced_by=by)
            .execution_options(synchronize_session=False)
        )

    async def items(self, session_id: UUID) -> Sequence[SessionItem]:
        return (await self.session.scalars(self._of_session(select(SessionItem), session_id))).all()

    async def written_by(self, session_id: UUID, run_ids: Collection[UUID]) -> Sequence[SessionItem]:
        """What these runs wrote, also where it was replaced; without any, what no run wrote."""
        written = SessionItem.run_id.in_(run_ids) if run_ids else SessionItem.run_id.is_(None)
        statement = (
            select(SessionItem)
            .join(Session, Session.id == SessionItem.session_id)
            .where(Session.owner_id == self.owner_id, Session.id == session_id, written)
            .order_by(SessionItem.seq)
        )
        return (await self.session.scalars(statement)).all()

    async def contents(self, session_id: UUID, up_to: int | None) -> Sequence[dict[str, Any]]:
        statement = self._of_session(select(SessionItem.item), session_id)
        if up_to is not None:
            statement = statement.where(SessionItem.seq <= up_to)
        return (await self.session.scalars(statement)).all()

    def _of_session[T](self, statement: Select[tuple[T]], session_id: UUID) -> Select[tuple[T]]:
        return (
            statement.join(Session, Session.id == SessionItem.session_id)
            .where(Session.owner_id == self.owner_id, Session.id == session_id, SessionItem.replaced_by.is_(None))
            .order_by(SessionItem.seq)
        )
