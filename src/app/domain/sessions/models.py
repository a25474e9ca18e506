"""The tables of `sessions`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import JSON, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import OwnedRecord, Row


class Session(OwnedRecord):
    __tablename__ = "session"
    __table_args__ = (
        UniqueConstraint("owner_id", "key", name="uq_session_owner_id_key"),
        Index("ix_session_owner_id_last_active_at", "owner_id", "last_active_at"),
    )

    key: Mapped[str] = mapped_column(String(128))
    """Its id on the wire: the client chose it, so only with the owner it is unique."""
    title: Mapped[str | None] = mapped_column(String(100))
    last_active_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    """The number of its newest item, raised in the statement that hands numbers out: that is what leaves no gaps."""


class SessionItem(Row):
    __tablename__ = "session_item"

    session_id: Mapped[UUID] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    run_id: Mapped[UUID | None]
    """The run that wrote it; none where a client brought it along."""
    replaced_by: Mapped[UUID | None]
    """The run that was started in place of the one this belongs to: the conversation goes on without it."""
    # Not JSONB: that refuses U+0000, which a tool may well return, and changes the order of keys.
    item: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
