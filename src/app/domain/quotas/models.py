"""What users may consume, what they have consumed, and what they are consuming."""

from datetime import datetime
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Double,
    ForeignKey,
    Index,
    Integer,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from uuid_utils.compat import uuid7

from app.lib.db.base import Record, Row

_MONTH = String(7)  # 2026-11
_OWN_KEY = text("secret_id IS NOT NULL")


def _user() -> ForeignKey:
    return ForeignKey("user_account.id", ondelete="CASCADE")


class Quota(Record):
    """What one user, or everybody of a role, may consume. Where it says nothing (null), the next one does.

    The next one of a user's is their role's, and of a role's the settings.
    """

    __tablename__ = "quota"
    __table_args__ = (CheckConstraint("(user_id IS NULL) <> (role IS NULL)", name="ck_quota_user_or_role"),)

    user_id: Mapped[UUID | None] = mapped_column(_user(), unique=True)
    role: Mapped[str | None] = mapped_column(String(16), unique=True)
    rate_limit_per_minute: Mapped[int | None] = mapped_column(Integer)
    concurrent_runs: Mapped[int | None] = mapped_column(Integer)
    monthly_requests: Mapped[int | None] = mapped_column(BigInteger)
    monthly_tokens: Mapped[int | None] = mapped_column(BigInteger)
    monthly_cost: Mapped[int | None] = mapped_column(BigInteger)
    """Like all costs that are stored: in 10⁻¹² US dollars, so that sums are exact."""


class UsageMonth(Row):
    """What a user has consumed in a calendar month, in UTC. Whoever counts for a user holds this row."""

    __tablename__ = "usage_month"

    user_id: Mapped[UUID] = mapped_column(_user(), primary_key=True)
    month: Mapped[str] = mapped_column(_MONTH, primary_key=True)
    requests: Mapped[int] = mapped_column(BigInteger)
    """Runs that were admitted."""
    calls: Mapped[int] = mapped_column(BigInteger)
    """Requests to providers: so many rows of this month has the ledger."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int] = mapped_column(BigInteger)
    """Of calls with lent keys."""
    unpriced: Mapped[int] = mapped_column(BigInteger)
    """Calls with lent keys whose cost nobody knows."""


class RateWindow(Row):
    """A user's starts in the last minute, where there is no Redis to count them in: seconds by the database's clock."""

    __tablename__ = "rate_window"

    user_id: Mapped[UUID] = mapped_column(_user(), primary_key=True)
    times: Mapped[list[float]] = mapped_column(JSON().with_variant(ARRAY(Double()), "postgresql"))


class OpenCall(Row):
    """A request to a provider that is going on, and what is reserved for it. It belongs to its run."""

    __tablename__ = "open_call"
    __table_args__ = (Index("ix_open_call_user", "user_id"),)

    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    turn: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    """Of the try."""
    user_id: Mapped[UUID] = mapped_column(_user())
    session_key: Mapped[str] = mapped_column(String(128))
    agent: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(300))
    secret_id: Mapped[UUID | None] = mapped_column()
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    """As they were estimated."""
    tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int] = mapped_column(BigInteger)
    began_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))


class LedgerEntry(Row):
    """One request to a provider that is over. The database lets nobody change it; it outlives its run and session."""

    __tablename__ = "ledger"
    __table_args__ = (
        # Whoever tells of a call, and how often: it is entered once.
        UniqueConstraint("run_id", "attempt", "scope", "turn", "number", name="uq_ledger_call"),
        Index("ix_ledger_user_day", "user_id", "day"),
        Index("ix_ledger_day", "day"),
        Index("ix_ledger_secret_day", "secret_id", "day", sqlite_where=_OWN_KEY, postgresql_where=_OWN_KEY),
    )

    id: Mapped[UUID] = mapped_column(default=uuid7, primary_key=True)
    run_id: Mapped[UUID] = mapped_column()
    attempt: Mapped[int] = mapped_column(Integer)
    scope: Mapped[str] = mapped_column(String(200))
    turn: Mapped[int] = mapped_column(Integer)
    number: Mapped[int] = mapped_column(Integer)
    user_id: Mapped[UUID] = mapped_column()
    session_key: Mapped[str] = mapped_column(String(128))
    agent: Mapped[str] = mapped_column(String(200))
    model: Mapped[str] = mapped_column(String(300))
    provider: Mapped[str] = mapped_column(String(64))
    secret_id: Mapped[UUID | None] = mapped_column()
    """The user's own key; null for a lent one."""
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    reasoning_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[int | None] = mapped_column(BigInteger)
    """Null where nobody knows it."""
    source: Mapped[str] = mapped_column(String(16))
    outcome: Mapped[str] = mapped_column(String(16))
    error: Mapped[str | None] = mapped_column(String(32))
    """What kind, of a failed one: as far as its process has told."""
    began_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    duration_ms: Mapped[int | None] = mapped_column(BigInteger)
    """Null where the process died."""
    first_token_ms: Mapped[int | None] = mapped_column(BigInteger)
    day: Mapped[str] = mapped_column(String(10))
    """In UTC: when it was entered."""
