"""What every table has in common."""

from uuid import UUID

from advanced_alchemy.base import DefaultBase, orm_registry
from advanced_alchemy.mixins import AuditColumns
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, declared_attr, mapped_column
from uuid_utils.compat import uuid7

metadata = orm_registry.metadata


class Record(AuditColumns, DefaultBase):
    """A table with an id that grows with time, and when its rows were made and changed.

    Not the library's base for this: that one adds a column to every table only to sort inserted rows.
    """

    __abstract__ = True

    id: Mapped[UUID] = mapped_column(default=uuid7, primary_key=True, sort_order=-100)


class Row(DefaultBase):
    """A table that names its own primary key."""

    __abstract__ = True


class OwnedRecord(Record):
    """A record of one user, gone with that user."""

    __abstract__ = True

    @declared_attr
    def owner_id(cls) -> Mapped[UUID]:  # noqa: N805 - SQLAlchemy's convention
        return mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
