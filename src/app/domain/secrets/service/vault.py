"""Secrets as runs use them: opened around one call of a provider, never kept."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

import anyio
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.errors import SecretNotFound, SecretTampered, VaultSealed
from app.domain.secrets.models import Action
from app.domain.secrets.repository import SecretRepository, Usable
from app.domain.secrets.repository.uses import Uses
from app.domain.secrets.schemas import Actor, OwnKey
from app.domain.secrets.service.chain import Chain
from app.domain.secrets.service.sealing import has_value, is_as_stored, opened_material
from app.domain.secrets.service.shapes import serving
from app.domain.secrets.service.times import check_usable, ends_at
from app.lib.clock import Clock
from app.lib.crypto.envelope import Envelope
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.errors import AppError
from app.lib.providers.credentials import Address, Credential
from app.lib.providers.registry import WIRES

logger = structlog.get_logger()

_MOST_CHAINS = 5000


class _Wanted(NamedTuple):
    owner_id: UUID
    provider: str
    secret_id: UUID | None
    run_id: UUID | None


class Vault:
    def __init__(self, db: Database, ring: Ring, clock: Clock, *, uses: Uses | None = None) -> None:
        """Without `uses`, every use is noted in a transaction of the pool: slower, and otherwise the same."""
        self._db = db
        self._uses = uses
        self._one_by_one = anyio.Lock(fast_acquire=True)
        self._chains: dict[UUID, Chain] = {}
        """Trails as they were when this process last added to them."""
        self._ring = ring
        self._envelope = Envelope(ring)
        self._clock = clock

    async def own(self, db_session: AsyncSession, owner_id: UUID, secret_id: UUID | None = None) -> dict[str, OwnKey]:
        """What `open` would take for each provider; audits and opens nothing.

        Raises SecretNotFound, and what says why the named one cannot be opened.
        """
        found = await SecretRepository(db_session).to_open(owner_id, [*WIRES], secret_id, None, now=self._clock.now())
        if secret_id is not None and all(each.secret.id != secret_id for each in found):
            raise SecretNotFound(secret_id)
        own = {}
        for provider in WIRES:
            best = _best(found, serving(provider), secret_id)
            if best is not None:
                own[provider] = self._own_key(provider, best)
                if best.secret.id == secret_id and (refusal := own[provider].refusal) is not None:
                    raise refusal
        return own

    async def usable(self, owner_id: UUID, provider: str, secret_id: UUID | None = None) -> bool:
        """Whether `open` would have a credential now; audits and opens nothing. Raises what `open` would."""
        async with self._db.reading() as db_session:
            key = (await self.own(db_session, owner_id, secret_id)).get(provider)
        if key is not None and key.refusal is not None:
            raise key.refusal
        return key is not None

    def _own_key(self, provider: str, found: Usable) -> OwnKey:
        address = Address(provider, found.version.base_url.rstrip("/"), found.version.region)
        refusal: AppError | None = VaultSealed() if self._ring.is_sealed else None
        try:
            check_usable(found.secret, ends_at(*found), now=self._clock.now())
        except AppError as error:
            refusal = error
        return OwnKey(secret_id=found.secret.id, address=address, refusal=refusal)

    @asynccontextmanager
    async def open(
        self,
        owner_id: UUID,
        provider: str,
        *,
        secret_id: UUID | None = None,
        run_id: UUID | None = None,
        by: Actor | None = None,
    ) -> AsyncIterator[Credential | None]:
        """The credential for one call of `provider`: of the named secret where it is for it, else of the default one.

        None where the user has neither. The use is in the audit trail, committed, before the block begins, and no
        connection of the database is held in it. The run goes on with the version it has begun with while that is
        valid. Raises SecretNotFound, SecretDisabled, SecretExpired, SecretTampered, TrailTampered, VaultSealed.
        """
        wanted = _Wanted(owner_id, provider, secret_id, run_id)
        async with self._db.reading() as db_session:
            found = await self._find(SecretRepository(db_session), wanted)
        credential: Credential | None = None
        if found is not None:
            who = by or Actor(user_id=owner_id)
            credential = await self._used_quickly(wanted, found, who) or await self._used(wanted, found, who)
        try:
            yield credential
        finally:
            del credential

    async def _find(self, secrets: SecretRepository, wanted: _Wanted) -> Usable | None:
        """Raises SecretNotFound where a secret is named that the owner does not have."""
        providers = serving(wanted.provider)
        found = await secrets.to_open(
            wanted.owner_id, providers, wanted.secret_id, wanted.run_id, now=self._clock.now()
        )
        if wanted.secret_id is not None and all(each.secret.id != wanted.secret_id for each in found):
            raise SecretNotFound(wanted.secret_id)
        return _best(found, providers, wanted.secret_id)

    async def _used_quickly(self, wanted: _Wanted, found: Usable, by: Actor) -> Credential | None:
        """For a use that nothing speaks against. None where anything does: then it is looked at with all care."""
        if self._uses is None:
            return None
        owner_id = wanted.owner_id
        async with self._one_by_one:
            try:
                chain = self._chains.pop(owner_id, None) or await self._chain(owner_id)
                if chain is None:
                    return None
                credential = self._opened(chain, wanted, found)
                secret, version = found.secret, found.version.version
                now = self._clock.now()
                chain.add(Action.USE, by, now=now, secret_id=secret.id, version=version, run_id=wanted.run_id)
                if not await self._uses.note(*chain.noted()):
                    return None
            except AppError:
                return None
            except Exception as error:  # noqa: BLE001 - whatever a driver raises, the careful way says what it means
                logger.warning("a use of a key was not noted at once", error=type(error).__name__)
                await self._uses.reset()
                return None
            if len(self._chains) >= _MOST_CHAINS:
                self._chains.clear()
            self._chains[owner_id] = chain
        return credential

    async def _chain(self, owner_id: UUID) -> Chain | None:
        head = await self._uses.head(owner_id) if self._uses is not None else None
        return None if head is None else Chain.at(self._envelope, head)

    async def close(self) -> None:
        if self._uses is not None:
            await self._uses.close()

    async def _used(self, wanted: _Wanted, found: Usable, by: Actor) -> Credential | None:
        refusal: AppError | None = None
        credential: Credential | None = None
        async with self._db.writing() as db_session:
            chain = await Chain.hold(db_session, self._envelope, wanted.owner_id, now=self._clock.now())
            if not (_as_told(chain, found) and self._ring.has(found.version.wrap_key_id or "")):
                # It may have been changed or wrapped anew since it was read: nobody changes it now.
                again = await self._find(SecretRepository(db_session), wanted)
                if again is None:
                    return None
                found = again
            now = self._clock.now()
            version = found.version.version
            try:
                credential = self._opened(chain, wanted, found)
            except AppError as error:
                refusal = error
                chain.add(
                    Action.REFUSE,
                    by,
                    now=now,
                    secret_id=found.secret.id,
                    version=version,
                    run_id=wanted.run_id,
                    detail=error.code,
                )
            else:
                chain.add(Action.USE, by, now=now, secret_id=found.secret.id, version=version, run_id=wanted.run_id)
            await chain.keep()
        if refusal is not None:
            if isinstance(refusal, SecretTampered):
                logger.error("a stored key is not what was stored", owner=wanted.owner_id, stored_key=found.secret.id)
            raise refusal
        return credential

    def _opened(self, chain: Chain, wanted: _Wanted, found: Usable) -> Credential:
        secret = found.secret
        check_usable(secret, ends_at(*found), now=self._clock.now())
        if not _as_told(chain, found):
            raise SecretTampered(secret.id)
        material = opened_material(self._envelope, secret, found.version)
        return material.credential(wanted.provider, secret_id=secret.id)


def _best(found: Sequence[Usable], providers: Sequence[str], secret_id: UUID | None) -> Usable | None:
    """The named one where it is for the provider, else the default for it, else that for another wire of it."""
    fitting = [each for each in found if each.secret.provider in providers]
    named = next((each for each in fitting if each.secret.id == secret_id), None)
    defaults = sorted(
        (each for each in fitting if each.secret.is_default), key=lambda each: providers.index(each.secret.provider)
    )
    return named or next(iter(defaults), None)


def _as_told(chain: Chain, found: Usable) -> bool:
    """Whether the trail's head knows this very value, as the current one where it is opened as that."""
    current = found.version.version == found.secret.version
    return has_value(found.version) and is_as_stored(chain, found.version, current=current)
