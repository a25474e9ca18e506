"""A secret in a transaction that has its owner's audit trail to itself."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.errors import SecretNotFound, VaultSealed
from app.domain.secrets.models import Action, Secret, SecretVersion
from app.domain.secrets.repository import KeyRepository, SecretRepository
from app.domain.secrets.schemas import Actor, SecretView
from app.domain.secrets.service.chain import Chain
from app.domain.secrets.service.sealing import FIELD, SHREDDED, has_value, sealed_columns
from app.domain.secrets.service.shapes import Material
from app.domain.secrets.service.views import secret_view
from app.lib.crypto.binding import Binding
from app.lib.crypto.envelope import Envelope
from app.lib.db.engine import Database

MOST_VALUES = 10
"""Versions of one secret that are kept with their values: the current one, and replaced ones that are still valid."""


class Held(NamedTuple):
    db_session: AsyncSession
    secrets: SecretRepository
    chain: Chain
    secret: Secret
    version: SecretVersion
    """The current one."""
    now: datetime

    def note(self, action: Action, by: Actor, *, detail: str = "") -> None:
        """In the trail, when the transaction is committed."""
        version = self.secret.version
        self.chain.add(action, by, now=self.now, secret_id=self.secret.id, version=version, detail=detail)

    async def view(self) -> SecretView:
        row = await self.secrets.find(self.secret.id)
        if row is None:
            raise SecretNotFound(self.secret.id)
        return secret_view(row, now=self.now)

    async def remove(self, by: Actor) -> None:
        """Crypto-shredded: the keys of its values go with it."""
        self.chain.forget(self.secret.id)
        self.note(Action.DELETE, by, detail=self.secret.provider)
        await self.secrets.remove(self.secret.id)

    async def shred(self, version: SecretVersion) -> None:
        """Its key is gone, and with it the value; that it was there stays."""
        for name in SHREDDED:
            setattr(version, name, None)
        version.valid_until = self.now
        self.chain.forget(version.secret_id, version.version)

    async def shred_surplus(self) -> None:
        """Of too many versions with values the oldest lose theirs."""
        old = [each for each in await self.secrets.versions(self.secret.id) if has_value(each) and each.replaced_at]
        for version in old[MOST_VALUES - 1 :]:
            await self.shred(version)

    def replace(self, overlap: int | None) -> None:
        """The current version is not it any more; it stays valid for so many seconds, or while a run uses it."""
        self.version.replaced_at = self.now
        self.version.valid_until = None if overlap is None else self.now + timedelta(seconds=overlap)


@asynccontextmanager
async def hold(
    db: Database, envelope: Envelope, owner_id: UUID, secret_id: UUID, *, now: datetime
) -> AsyncIterator[Held]:
    """Committed, with what was noted, when the block ends. Raises SecretNotFound, VaultSealed, TrailTampered."""
    async with db.writing() as db_session:
        chain = await Chain.hold(db_session, envelope, owner_id, now=now)
        secrets = SecretRepository(db_session)
        row = await secrets.find(secret_id, owner_id)
        if row is None:
            raise SecretNotFound(secret_id)
        yield Held(db_session, secrets, chain, row.secret, row.version, now)
        await secrets.save()
        await chain.keep()


async def store(
    db_session: AsyncSession, chain: Chain, envelope: Envelope, secret: Secret, material: Material, *, now: datetime
) -> SecretVersion:
    """The secret's next version, which is the current one from now on. Raises VaultSealed."""
    secrets = SecretRepository(db_session)
    number = await secrets.newest_version(secret.id) + 1
    columns, digest = sealed_columns(envelope, material, Binding(secret.owner_id, secret.id, number, FIELD))
    if not await KeyRepository(db_session).use(columns["wrap_key_id"], now=now):
        raise VaultSealed
    version = SecretVersion(secret_id=secret.id, version=number, created_at=now, **columns)
    await secrets.add(version)
    chain.stored(secret.id, number, digest)
    secret.version = number
    return version
