"""Where A2A tells of a task by itself."""

from datetime import datetime
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import Row


class PushConfig(Row):
    """A reader of a run's log whose place is stored: its queue is the log."""

    __tablename__ = "push_config"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    dialect: Mapped[str] = mapped_column(String(8))
    """In which version's words it is told."""
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    """Where to, and with what to say who calls."""
    told_seq: Mapped[int] = mapped_column(Integer)
    """The last event whose change was delivered, or given up."""
    tries: Mapped[int] = mapped_column(Integer, default=0)
    due_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None, index=True)
    """Before this nobody tries; none where nothing more is to be told."""
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
