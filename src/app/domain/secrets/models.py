"""The tables of `secrets`: what is sealed, which master keys there are, and what was done with it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import BigInteger, Double, ForeignKey, Index, Integer, LargeBinary, String, text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import OwnedRecord, Row

_DEFAULT = text("is_default")


class Action(StrEnum):
    """What the audit trail tells of."""

    CREATE = "create"
    READ = "read"
    UPDATE = "update"
    REVEAL = "reveal"
    USE = "use"
    ROTATE = "rotate"
    RESTORE = "restore"
    VERIFY = "verify"
    DISABLE = "disable"
    ENABLE = "enable"
    SHRED = "shred"
    """An old version's value is gone."""
    REFUSE = "refuse"
    DELETE = "delete"


class VaultKey(Row):
    """A master key that is in use. Whatever it wraps names it, so that it cannot be retired while anything does."""

    __tablename__ = "vault_key"

    id: Mapped[str] = mapped_column(String(16), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    """When it was first used."""
    retired_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    """From then on nothing is wrapped by it."""


class VaultNode(Row):
    """A process that serves, and which master keys it has."""

    __tablename__ = "vault_node"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    """Host and process, for the operator."""
    keys: Mapped[str] = mapped_column(String(2000))
    """Ids, the newest key's last."""
    sealing: Mapped[str] = mapped_column(String(16))
    """The one that it seals with; empty while it has none."""
    seen_at: Mapped[float] = mapped_column(Double)
    """Seconds since the epoch by the database's clock."""


class Secret(OwnedRecord):
    """A user's key for a provider. The value is in its versions."""

    __tablename__ = "secret"
    __table_args__ = (
        Index(
            "uq_secret_default", "owner_id", "provider", unique=True, sqlite_where=_DEFAULT, postgresql_where=_DEFAULT
        ),
    )

    name: Mapped[str] = mapped_column(String(100))
    provider: Mapped[str] = mapped_column(String(32))
    is_default: Mapped[bool]
    version: Mapped[int] = mapped_column(Integer)
    """The current one."""
    disabled_by: Mapped[str | None] = mapped_column(String(8), default=None)
    """`owner` or `admin`; only an admin takes back what an admin did."""
    expires_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)


class SecretVersion(Row):
    """One value, sealed by a key of its own, which a master key wraps. Shredded: all of that is null."""

    __tablename__ = "secret_version"

    secret_id: Mapped[UUID] = mapped_column(ForeignKey("secret.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    masked: Mapped[str] = mapped_column(String(64))
    base_url: Mapped[str] = mapped_column(String(2048))
    """To be shown. The one that is called is sealed with the key."""
    region: Mapped[str] = mapped_column(String(64))
    nonce: Mapped[bytes | None] = mapped_column(LargeBinary(12))
    ciphertext: Mapped[bytes | None] = mapped_column(LargeBinary)
    commitment: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    wrap_key_id: Mapped[str | None] = mapped_column(ForeignKey("vault_key.id"), index=True)
    wrap_nonce: Mapped[bytes | None] = mapped_column(LargeBinary(12))
    wrapped_key: Mapped[bytes | None] = mapped_column(LargeBinary(48))
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    replaced_at: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    valid_until: Mapped[datetime | None] = mapped_column(DateTimeUTC(timezone=True), default=None)
    """Null in a replaced one: until the last run that has used it ends."""


class SecretPolicy(Row):
    """How old a provider's keys may become, as an admin has set it."""

    __tablename__ = "secret_policy"

    provider: Mapped[str] = mapped_column(String(32), primary_key=True)
    max_age_days: Mapped[int] = mapped_column(Integer)
    set_by: Mapped[UUID]
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))


class AuditHead(Row):
    """How long an owner's audit trail is and how it ends, under a key that the database does not hold.

    It also knows every sealed value there is, so that a row which is put back is found when it is used. Outlives its
    owner, as the trail does.
    """

    __tablename__ = "secret_audit_head"

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    last_mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    seals: Mapped[bytes] = mapped_column(LargeBinary)
    """Of each value: secret, version, whether it is the current one, and the ciphertext's hash."""
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
    """Over all of the above."""
    wrap_key_id: Mapped[str] = mapped_column(ForeignKey("vault_key.id"), index=True)
    wrap_nonce: Mapped[bytes] = mapped_column(LargeBinary(12))
    wrapped_key: Mapped[bytes] = mapped_column(LargeBinary(48))
    """The key of the trail."""


class AuditRow(Row):
    """One thing that was done. Triggers of the database let it be neither changed nor deleted."""

    __tablename__ = "secret_audit"
    __table_args__ = (
        Index("ix_secret_audit_secret", "secret_id", "action", "seq"),
        Index("ix_secret_audit_run", "run_id", "secret_id"),
        Index("ix_secret_audit_at", "at"),
    )

    owner_id: Mapped[UUID] = mapped_column(primary_key=True)
    """Whose secret. Without a foreign key: the trail outlives what it tells of."""
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """1, 2, 3 … without gaps."""
    at: Mapped[datetime] = mapped_column(DateTimeUTC(timezone=True))
    action: Mapped[str] = mapped_column(String(16))
    secret_id: Mapped[UUID | None]
    version: Mapped[int | None] = mapped_column(Integer)
    actor_id: Mapped[UUID | None]
    """Null: the server itself."""
    run_id: Mapped[UUID | None]
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(128))
    detail: Mapped[str] = mapped_column(String(200))
    """What was refused and why, what changed, what a check said. Never a value."""
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
