"""Runs. Who may write a run's log, and how far it is, is in `run_head` (app.lib.runlog)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC, JsonB
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.runs.states import ACTIVE
from app.lib.db.base import OwnedRecord

ACTIVE_ONLY = text("state IN ({})".format(", ".join(f"'{state}'" for state in ACTIVE)))
"""Words, not values: PostgreSQL finds the index for `ON CONFLICT` only where it sees them in the statement."""


class Run(OwnedRecord):
    """One execution of an agent on one session."""

    __tablename__ = "run"
    __table_args__ = (
        # The database, not a check beforehand, keeps a session to one active run.
        Index(
            "ux_run_active_session",
            "session_id",
            unique=True,
            sqlite_where=ACTIVE_ONLY,
            postgresql_where=ACTIVE_ONLY,
        ),
        Index("ix_run_owner_created", "owner_id", "created_at"),
    )

    session_id: Mapped[UUID] = mapped_column(ForeignKey("session.id", ondelete="CASCADE"), index=True)
    session_key: Mapped[str] = mapped_column(String(128))
    """The session's id on the wire."""
    agent: Mapped[str] = mapped_column(String(200))
    """Its id, or a built-in's name."""
    model: Mapped[str] = mapped_column(String(300))
    state: Mapped[str] = mapped_column(String(16))
    definition: Mapped[bytes] = mapped_column(LargeBinary)
    """The agent and all it can hand over to, as JSON: frozen, so that every attempt works with the same."""
    input: Mapped[bytes] = mapped_column(LargeBinary)
    """The new items as JSON; with the session's items up to `history_seq` they are the model's first input."""
    history_seq: Mapped[int] = mapped_column(Integer)
    time_line: Mapped[str] = mapped_column(String(120))
    """What the model is told of the time, in the user's zone."""
    cancel_when_left: Mapped[bool] = mapped_column(default=False)
    """Ends soon after its last reader left."""
    replaces: Mapped[UUID | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    final_message: Mapped[str | None] = mapped_column(Text, default=None)
    """Of a run that did not complete: what was answered until then."""
    finish_reason: Mapped[str | None] = mapped_column(String(32), default=None)
    usage: Mapped[dict[str, Any] | None] = mapped_column(JsonB, default=None)
    error: Mapped[dict[str, Any] | None] = mapped_column(JsonB, default=None)
