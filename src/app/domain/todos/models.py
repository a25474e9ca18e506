"""The tables of `todos`."""

from datetime import datetime
from typing import Literal

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import Column, ForeignKey, Index, String, Table, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.lib.db.base import OwnedRecord, metadata

Status = Literal["pending", "in_progress", "completed", "cancelled"]
Importance = Literal["low", "medium", "high", "urgent"]

OPEN: tuple[Status, ...] = ("pending", "in_progress")
"""Still to be done: what takes up time on the schedule."""

todo_tag = Table(
    "todo_tag",
    metadata,
    Column("todo_id", ForeignKey("todo.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id", ondelete="CASCADE"), primary_key=True, index=True),
)


class Tag(OwnedRecord):
    __tablename__ = "tag"
    __table_args__ = (UniqueConstraint("owner_id", "name_key"),)

    name: Mapped[str] = mapped_column(String(50))
    name_key: Mapped[str] = mapped_column(Text)
    """The name without regard to case: what is unique."""


class Todo(OwnedRecord):
    __tablename__ = "todo"
    __table_args__ = (Index("ix_todo_owner_id_start_time", "owner_id", "start_time"),)

    item: Mapped[str] = mapped_column(String(200))
    description: Mapped[str | None] = mapped_column(Text)
    status: Mapped[Status] = mapped_column(String(16))
    importance: Mapped[Importance] = mapped_column(String(16))
    start_time: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    end_time: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    search_text: Mapped[str] = mapped_column(Text)
    """Item and description without regard to case, since neither database folds more than ASCII by itself."""
    tags: Mapped[list[Tag]] = relationship(secondary=todo_tag, lazy="selectin", order_by=Tag.name_key)
