"""Runs. Who may write a run's log, and how far it is, is in `run_head` (app.lib.runlog)."""

from datetime import datetime
from typing import Any
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC, JsonB
from sqlalchemy import ForeignKey, Index, Integer, LargeBinary, String, Text, false, text
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.runs.states import ACTIVE
from app.lib.db.base import OwnedRecord, Row

ACTIVE_ONLY = text("state IN ({})".format(", ".join(f"'{state}'" for state in ACTIVE)))
"""Words, not values: PostgreSQL finds the index for `ON CONFLICT` only where it sees them in the statement."""
LOG_KEPT = text("ended_at IS NOT NULL AND NOT log_purged")
"""The same holds for a query that is to be answered from the index."""


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
        Index("ix_run_owner_active", "owner_id", sqlite_where=ACTIVE_ONLY, postgresql_where=ACTIVE_ONLY),
        Index("ix_run_log_kept", "ended_at", sqlite_where=LOG_KEPT, postgresql_where=LOG_KEPT),
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
    secret_id: Mapped[UUID | None] = mapped_column(default=None)
    """Which of the owner's keys it was started with. No foreign key: the run outlives it."""
    origin: Mapped[bytes | None] = mapped_column(LargeBinary, default=None)
    """Of a start that came by another protocol: what it was called there, as JSON."""
    started_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    ended_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    final_message: Mapped[str | None] = mapped_column(Text, default=None)
    """Of a run that did not complete: what was answered until then."""
    finish_reason: Mapped[str | None] = mapped_column(String(32), default=None)
    usage: Mapped[dict[str, Any] | None] = mapped_column(JsonB, default=None)
    error: Mapped[dict[str, Any] | None] = mapped_column(JsonB, default=None)
    log_purged: Mapped[bool] = mapped_column(default=False, server_default=false())
    """The log and the steps were deleted, long after the run's end."""


class StartKey(Row):
    """What a client named a start by, so that saying it again begins nothing new. Gone with the run."""

    __tablename__ = "start_key"

    owner_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Of what was to be started."""
    run_id: Mapped[UUID] = mapped_column(
        # Checked at the transaction's end: the key is taken first, so that parallel starts wait for each other.
        ForeignKey("run.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED"),
        index=True,
    )
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True), index=True)


class RunQuestion(Row):
    """What a run asked its user: to approve a tool call, or for an answer in words. It holds no arguments."""

    __tablename__ = "run_question"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    scope: Mapped[str] = mapped_column(String(200))
    turn: Mapped[int] = mapped_column(Integer)
    position: Mapped[int] = mapped_column(Integer)
    answer: Mapped[dict[str, Any] | None] = mapped_column(JsonB, default=None)
