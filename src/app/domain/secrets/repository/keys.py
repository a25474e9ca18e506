"""Master keys that are in use, who has them, and what they wrap."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Double, delete, func, literal, literal_column, select, tuple_, update
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
        now = "(julianday('now') - 2440587.5) * 86400.0" if sqlite else "extract(epoch FROM clock_timestamp())"
        self._now: ColumnElement[float] = literal_column(now, Double)

    async def use(self, key_id: str, *, now: datetime) -> bool:
        """Before anything is wrapped by it; False where it was retired. It is not until this transaction ends."""
        await self._session.execute(insert_new(self._session, VaultKey, {"id": key_id, "seen_at": now}))
        living = select(VaultKey.id).where(VaultKey.id == key_id, VaultKey.retired_at.is_(None))
        return (await self._session.scalar(living.with_for_update(read=True))) is not None

    async def all(self) -> Sequence[VaultKey]:
        """The oldest first, retired ones too."""
        return (await self._session.scalars(select(VaultKey).order_by(VaultKey.seen_at, VaultKey.id))).all()

    async def retire(self, key_id: str, *, now: datetime) -> bool:
        """For good, and only where nothing is wrapped by it, not even in a transaction that has not ended."""
        # Who wraps something by it holds its row: behind this lock the count is the last word.
        await self._session.execute(select(VaultKey.id).where(VaultKey.id == key_id).with_for_update())
        if (await self.counts()).get(key_id):
            return False
        await self._session.execute(update(VaultKey).where(VaultKey.id == key_id).values(retired_at=now))
        return True

    async def counts(self) -> dict[str, int]:
        """How many data keys each master key wraps."""
        counts: dict[str, int] = {}
        for column in (SecretVersion.wrap_key_id, AuditHead.wrap_key_id):
            rows = await self._session.execute(select(column, func.count()).where(column.is_not(None)).group_by(column))
            for key_id, count in rows:
                counts[key_id] = counts.get(key_id, 0) + count
        return counts

    async def values_not_under(self, key_id: str, *, after: Wrapped | None, most: int) -> list[Wrapped]:
        """The next ones in their order. Those that others hold just now are left out."""
        place = tuple_(SecretVersion.secret_id, SecretVersion.version)
        later = [place > (after.secret_id, after.version)] if after is not None else []
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
            .where(SecretVersion.wrap_key_id != key_id, *later)
            .order_by(SecretVersion.secret_id, SecretVersion.version)
            .limit(most)
            .with_for_update(of=SecretVersion, skip_locked=True)
        )
        return [Wrapped(*row) for row in await self._session.execute(query)]

    async def trails_not_under(self, key_id: str, *, after: Wrapped | None, most: int) -> list[Wrapped]:
        later = [AuditHead.owner_id > after.owner_id] if after is not None else []
        query = (
            select(
                AuditHead.owner_id,
                AuditHead.owner_id,
                literal(0),
                AuditHead.wrap_key_id,
                AuditHead.wrap_nonce,
                AuditHead.wrapped_key,
            )
            .where(AuditHead.wrap_key_id != key_id, *later)
            .order_by(AuditHead.owner_id)
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
        """Say that this process is there, and which keys it has."""
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
