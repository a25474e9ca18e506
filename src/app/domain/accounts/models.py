"""People, their logins, and the tries they have left."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import OwnedRecord, Record, Row


class Role(StrEnum):
    USER = "user"
    ADMIN = "admin"
    AUDITOR = "auditor"
    """Reads the audit trail and usage, and nothing else of others."""


class TextSpeed(StrEnum):
    SLOW = "slow"
    NORMAL = "normal"
    FAST = "fast"
    INSTANT = "instant"


class UserAccount(Record):
    """Has an address and a password, or the issuer and subject of tokens made elsewhere; never a mix of both."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    issuer: Mapped[str | None] = mapped_column(String(512))
    subject: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(200), default="")
    role: Mapped[str] = mapped_column(String(16), default=Role.USER)
    time_zone: Mapped[str] = mapped_column(String(64), default="UTC")
    streaming: Mapped[bool] = mapped_column(default=True)
    text_speed: Mapped[str] = mapped_column(String(16), default=TextSpeed.NORMAL)
    effects: Mapped[bool] = mapped_column(default=True)
    disabled_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))


class TokenFamily(OwnedRecord):
    """One login: every token that came from it, and ends with it."""

    __tablename__ = "token_family"

    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    proved_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))
    """When its user last gave the password again."""


class RefreshToken(Row):
    """Only the digest: the token itself is with its client. A used one is kept, so that its reuse is noticed."""

    __tablename__ = "refresh_token"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    family_id: Mapped[UUID] = mapped_column(ForeignKey("token_family.id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    used_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True))


class Ticket(Row):
    """Lets its owner's browser read where it can send no token. Ends with the login that asked for it."""

    __tablename__ = "ticket"

    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    family_id: Mapped[UUID | None] = mapped_column(ForeignKey("token_family.id", ondelete="CASCADE"), index=True)
    run_id: Mapped[UUID | None] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), index=True)
    """Whose events it reads; without one it opens a WebSocket, once."""
    use_by: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    """For its first use."""
    expires_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True), index=True)
    """For the next one."""


class LoginTry(Row):
    """How often a password was tried, for one address or from one client, until `resets_at`."""

    __tablename__ = "login_try"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    tries: Mapped[int]
    resets_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True), index=True)
