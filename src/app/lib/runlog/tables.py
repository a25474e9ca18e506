"""The tables of the run log. `run` itself, which they belong to, is the product's."""

from uuid import UUID

from sqlalchemy import Double, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import Row


def _run_id() -> Mapped[UUID]:
    return mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)


class RunHead(Row):
    """Who may write a run's log, and how far it is. Narrow, because every append rewrites it."""

    __tablename__ = "run_head"
    __table_args__ = (
        # Nothing that an append changes may be in an index: PostgreSQL would write every index anew each time.
        Index("ix_run_head_active", "run_id", sqlite_where=text("NOT ended"), postgresql_where=text("NOT ended")),
    )

    run_id: Mapped[UUID] = _run_id()
    attempt: Mapped[int] = mapped_column(Integer, default=0)
    seq: Mapped[int] = mapped_column(Integer, default=0)
    """The last event's number."""
    ended: Mapped[bool] = mapped_column(default=False)
    """The last event is the terminal one."""
    owner: Mapped[str | None] = mapped_column(String(64), default=None)
    lease_until: Mapped[float | None] = mapped_column(Double, default=None)
    """Seconds since the epoch by the database's clock: the only one that all nodes share."""
    control: Mapped[str | None] = mapped_column(String(32), default=None)
    """What somebody asked of the run's owner."""
    parked_at: Mapped[float | None] = mapped_column(Double, default=None)
    """Since when nobody is to execute the run: it is paused, or waits for an answer."""
    spent: Mapped[float] = mapped_column(Double, default=0.0, server_default="0")
    """Seconds that earlier attempts have worked on it."""
    crashes: Mapped[int] = mapped_column(Integer, default=0, server_default="0")
    """Attempts whose process died."""
    followed_until: Mapped[float | None] = mapped_column(Double, default=None)
    """Until when a reader of another process is known to follow; kept only where the run ends with its readers."""


class RunLogRow(Row):
    """One batch of frames: the events `last_seq - n + 1` to `last_seq`, as the bytes that readers are sent."""

    __tablename__ = "run_log"

    run_id: Mapped[UUID] = _run_id()
    last_seq: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    n: Mapped[int] = mapped_column(Integer)
    frames: Mapped[bytes] = mapped_column(LargeBinary)


class RunStep(Row):
    """A finished piece of a run's work, stored in the same transaction as the events that tell of it."""

    __tablename__ = "run_step"

    run_id: Mapped[UUID] = _run_id()
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    turn: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    position: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    payload: Mapped[bytes] = mapped_column(LargeBinary)
    seq: Mapped[int | None] = mapped_column(Integer, default=None)
    """The last of the events that tell of it; null while nobody was told, since the run was paused."""
