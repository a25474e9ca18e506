"""Master keys that are in use, who has them, and what they wrap."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import bindparam, delete, func, select, text, tuple_, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.models import AuditHead, Secret, SecretVersion, VaultKey, VaultNode
from app.lib.db.insert import insert_new


class Wrapped(NamedTuple):
    """A data key that is to be wrapped anew: a value's, or a trail's (then without a version)."""

    owner_id: UUID
    secret_id: UUID
    version: int
    key_id: str
    nonce: bytes
    wrapped: bytes


class KeyRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._session = db_session
        sqlite = db_session.get_bind().dialect.name == "sqlite"
        self._now = text(
            "(julianday('now') - 2440587.5) * 86400.0" if sqlite else "extract(epoch FROM clock_timestamp())"
        )

    async def use(self, key_id: str, *, now: datetime) -> None:
        """Before anything is wrapped by it."""
        await self._session.execute(insert_new(self._session, VaultKey, {"id": key_id, "seen_at": now}))

    async def in_use(self) -> Sequence[str]:
        """The oldest first."""
        return (await self._session.scalars(select(VaultKey.id).order_by(VaultKey.seen_at, VaultKey.id))).all()

    async def retire(self, key_id: str) -> bool:
        """Only where nothing is wrapped by it, not even in a transaction that has not ended: the foreign keys see to it.

        If not, the transaction can only be given up.
        """
        try:
            await self._session.execute(delete(VaultKey).where(VaultKey.id == key_id))
        except IntegrityError:
            return False
        return True

    async def counts(self) -> dict[str, int]:
        """How many data keys each master key wraps."""
        counts: dict[str, int] = {}
        for column in (SecretVersion.wrap_key_id, AuditHead.wrap_key_id):
            rows = await self._session.execute(select(column, func.count()).where(column.is_not(None)).group_by(column))
            for key_id, count in rows:
                counts[key_id] = counts.get(key_id, 0) + count
        return counts

    async def values_not_under(self, key_id: str, most: int) -> list[Wrapped]:
        """Some that others do not hold: they come again the next time."""
        query = (
            select(
                Secret.owner_id,
                SecretVersion.secret_id,
                SecretVersion.version,
                SecretVersion.wrap_key_id,
                SecretVersion.wrap_nonce,
                SecretVersion.wrapped_key,
            )
            .join(Secret, Secret.id == SecretVersion.secret_id)
            .where(SecretVersion.wrap_key_id != key_id)
            .limit(most)
            .with_for_update(of=SecretVersion, skip_locked=True)
        )
        return [Wrapped(*row) for row in await self._session.execute(query)]

    async def trails_not_under(self, key_id: str, most: int) -> list[Wrapped]:
        query = (
            select(
                AuditHead.owner_id,
                AuditHead.owner_id,
                text("0"),
                AuditHead.wrap_key_id,
                AuditHead.wrap_nonce,
                AuditHead.wrapped_key,
            )
            .where(AuditHead.wrap_key_id != key_id)
            .limit(most)
            .with_for_update(skip_locked=True)
        )
        return [Wrapped(*row) for row in await self._session.execute(query)]

    async def rewrap(self, old: Wrapped, **columns: Any) -> bool:
        """Only while the row is still as it was read."""
        if old.version:
            change = (
                update(SecretVersion)
                .where(
                    SecretVersion.secret_id == old.secret_id,
                    SecretVersion.version == old.version,
                    SecretVersion.wrap_nonce == old.nonce,
                    SecretVersion.wrapped_key == old.wrapped,
                )
                .returning(SecretVersion.version)
            )
        else:
            change = (
                update(AuditHead)
                .where(
                    AuditHead.owner_id == old.owner_id,
                    AuditHead.wrap_nonce == old.nonce,
                    AuditHead.wrapped_key == old.wrapped,
                )
                .returning(AuditHead.count)
            )
        return (await self._session.execute(change.values(**columns))).first() is not None

    async def beat(self, node_id: UUID, **values: Any) -> None:
        """This process is there, and has these keys."""
        row = {"id": node_id, "seen_at": 0.0, **values}
        await self._session.execute(insert_new(self._session, VaultNode, row))
        alive = update(VaultNode).where(VaultNode.id == node_id)
        await self._session.execute(alive.values(seen_at=self._now, **values))

    async def nodes(self, within: float) -> Sequence[VaultNode]:
        """Those that were heard of in the last seconds."""
        fresh = VaultNode.seen_at > self._now - within
        return (await self._session.scalars(select(VaultNode).where(fresh).order_by(VaultNode.name))).all()

    async def leave(self, node_id: UUID, *, forget_after: float) -> None:
        """It stops; those that stopped without a word long ago are forgotten as well."""
        gone = (VaultNode.id == node_id) | (VaultNode.seen_at < self._now - forget_after)
        await self._session.execute(delete(VaultNode).where(gone))
