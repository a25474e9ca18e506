"""The only SQL that touches `todo`, `tag` and `todo_tag`."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, or_, text

from app.domain.todos.models import OPEN, Importance, Status, Tag, Todo
from app.lib.db.insert import insert_new
from app.lib.db.owned import OwnedRepository

_begins = func.coalesce(Todo.start_time, Todo.end_time)
_ends = func.coalesce(Todo.end_time, Todo.start_time)


class TodoRepository(OwnedRepository[Todo]):
    model_type = Todo

    async def find_to_change(self, todo_id: UUID) -> Todo | None:
        """Locked, so that changes at the same time come one after the other."""
        return await self.get_one_or_none(Todo.id == todo_id, with_for_update=True)

    async def matching(
        self,
        *,
        status: Status | None,
        importance: Importance | None,
        tag_key: str | None,
        since: datetime | None,
        until: datetime | None,
        words: Iterable[str],
        limit: int,
        offset: int,
    ) -> tuple[Sequence[Todo], int]:
        """Those with a time come first, in its order; then the others as they were made."""
        where: list[ColumnElement[bool]] = [Todo.search_text.contains(word, autoescape=True) for word in words]
        if status is not None:
            where.append(Todo.status == status)
        if importance is not None:
            where.append(Todo.importance == importance)
        if tag_key is not None:
            where.append(Todo.tags.any(Tag.name_key == tag_key))
        if since is not None:
            where.append(or_(_ends > since, _begins >= since))
        if until is not None:
            where.append(_begins < until)
        order = (_begins.is_(None), _begins, Todo.id)
        return await self.page(*where, order_by=order, limit=limit, offset=offset)

    async def on_schedule(self, since: datetime, until: datetime, *, endless: timedelta) -> Sequence[Todo]:
        """Open todos that take up time in the window; one without an end takes `endless`."""
        takes_time = (Todo.end_time > since) | (Todo.end_time.is_(None) & (Todo.start_time > since - endless))
        statement = self.statement.where(Todo.status.in_(OPEN), Todo.start_time < until, takes_time)
        return (await self.session.scalars(statement.order_by(Todo.start_time, Todo.id))).all()

    async def unscheduled(self) -> int:
        return await self.count(Todo.status.in_(OPEN), _begins.is_(None))

    async def lock_schedule(self) -> None:
        """Lets one transaction at a time look for free time on this owner's schedule and take it.

        SQLite has one writer anyway.
        """
        if self.session.get_bind().dialect.name == "postgresql":
            digest = blake2b(self.owner_id.bytes, digest_size=8, person=b"schedule").digest()
            key = int.from_bytes(digest, signed=True)
            await self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    async def remove(self, todo_id: UUID) -> bool:
        statement = delete(Todo).where(Todo.owner_id == self.owner_id, Todo.id == todo_id).returning(Todo.id)
        return (await self.session.scalar(statement)) is not None

    async def save(self) -> None:
        await self.session.flush()


class TagRepository(OwnedRepository[Tag]):
    model_type = Tag

    async def named(self, keys: Iterable[str]) -> dict[str, Tag]:
        """By key. They stay until the transaction ends: nobody deletes a tag while a todo gets it."""
        statement = self.statement.where(Tag.name_key.in_([*keys])).with_for_update(read=True, key_share=True)
        return {tag.name_key: tag for tag in await self.session.scalars(statement)}

    async def insert(self, names: dict[str, str]) -> int:
        """Names by key; those that are taken are left alone. Returns how many are new."""
        rows = [{"owner_id": self.owner_id, "name_key": key, "name": name} for key, name in names.items()]
        inserted = await self.session.scalars(insert_new(self.session, Tag, *rows).returning(Tag.id))
        return len(inserted.all())

    async def listed(self, *, limit: int, offset: int) -> tuple[Sequence[Tag], int]:
        return await self.page(order_by=(Tag.name_key,), limit=limit, offset=offset)

    async def remove(self, tag_id: UUID) -> bool:
        statement = delete(Tag).where(Tag.owner_id == self.owner_id, Tag.id == tag_id).returning(Tag.id)
        return (await self.session.scalar(statement)) is not None
