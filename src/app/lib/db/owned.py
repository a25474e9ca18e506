"""A repository that sees one owner's rows and no others."""

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn
from uuid import UUID

from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import ColumnElement, Result, Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.lib.db.base import OwnedRecord


class OwnedRepository[OwnedModel: OwnedRecord](SQLAlchemyAsyncRepository[OwnedModel]):
    """The owner is given once, so that no method can forget it."""

    def __init__(self, db_session: AsyncSession, owner_id: UUID) -> None:
        super().__init__(
            session=db_session,
            statement=select(self.model_type).where(self.model_type.owner_id == owner_id),
            auto_expunge=False,
        )
        self.owner_id = owner_id

    async def find(self, item_id: UUID) -> OwnedModel | None:
        return await self.get_one_or_none(self.model_type.id == item_id)

    async def page(
        self, *where: ColumnElement[bool], order_by: Iterable[Any], limit: int, offset: int
    ) -> tuple[Sequence[OwnedModel], int]:
        """One page of what matches, and how many match in all, also when the page lies past the last one."""
        total = await self.count(*where)
        if offset >= total:
            return [], total
        statement = self.statement.where(*where).order_by(*order_by).limit(limit).offset(offset)
        return (await self._execute(statement)).scalars().all(), total

    async def add(self, data: OwnedModel, **options: Any) -> OwnedModel:
        return await super().add(self._own(data), **options)

    async def add_many(self, data: list[OwnedModel], **options: Any) -> Sequence[OwnedModel]:
        return await super().add_many([self._own(item) for item in data], **options)

    async def update(self, data: OwnedModel, **options: Any) -> OwnedModel:
        return await super().update(self._own(data), **options)

    def _own(self, data: OwnedModel) -> OwnedModel:
        if data.owner_id is None:
            data.owner_id = self.owner_id
        elif data.owner_id != self.owner_id:
            raise TypeError("This row has another owner.")
        return data

    async def _execute(self, statement: Select[Any], uniquify: bool = False) -> Result[Any]:  # noqa: FBT001, FBT002 - the library's
        # Reading methods take a `statement` of the caller's own in place of ours: it is held to the owner as well.
        return await super()._execute(statement.where(self.model_type.owner_id == self.owner_id), uniquify)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("This method does not go through the owner's statement.")

    # The library's bulk methods ignore `statement`, so they would reach another owner's rows.
    delete_many = _refuse
    delete_where = _refuse
    update_many = _refuse
    upsert = _refuse
    upsert_many = _refuse
    get_or_upsert = _refuse
    get_and_update = _refuse
    # These count with the caller's statement, and count none past the last page: use `page`.
    get_many_and_count = _refuse
    list_and_count = _refuse
