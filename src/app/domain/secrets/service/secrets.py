"""A user's own secrets: stored sealed, changed, shown to their owner only."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID

from msgspec import UNSET
from uuid_utils.compat import uuid7

from app.domain.secrets.errors import (
    RevealLimited,
    SecretDisabled,
    SecretNotFound,
    SecretTampered,
    TooManySecrets,
    VaultSealed,
    VersionNotFound,
)
from app.domain.secrets.models import Action, Secret
from app.domain.secrets.repository import SecretRepository, TrailRepository
from app.domain.secrets.schemas import (
    Actor,
    KeyMaterial,
    NewSecret,
    PatchSecret,
    Revealed,
    RotateSecret,
    SecretList,
    SecretView,
    VersionList,
)
from app.domain.secrets.service.chain import Chain
from app.domain.secrets.service.holding import Held, hold, store
from app.domain.secrets.service.sealing import is_as_stored, opened_material
from app.domain.secrets.service.shapes import Material, checked
from app.domain.secrets.service.times import is_valid
from app.domain.secrets.service.views import secret_view, version_view
from app.lib.clock import Clock
from app.lib.crypto.envelope import Envelope
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.lib.errors import InvalidField
from app.lib.providers.credentials import Credential

MOST_SECRETS = 100
REVEALS = 5
REVEAL_WINDOW = timedelta(hours=1)
ActiveRuns = Callable[[set[UUID]], Awaitable[set[UUID]]]
"""Which of these runs have not ended."""
REFUSALS = (RevealLimited, SecretDisabled, SecretTampered)
"""What is remembered in the trail beside what was done."""


class Secrets:
    """Has its own transactions: what it refuses must be remembered too. Every verb is audited."""

    def __init__(self, db: Database, ring: Ring, clock: Clock, egress: Policy) -> None:
        self._db = db
        self._envelope = Envelope(ring)
        self._clock = clock
        self._egress = egress

    async def page(
        self, owner_id: UUID, by: Actor, *, limit: int, offset: int, provider: str | None = None
    ) -> SecretList:
        """Needs no master key; without one, nobody can write into the trail that masked values were read."""
        where = [Secret.owner_id == owner_id, *([Secret.provider == provider] if provider is not None else [])]
        async with self._db.reading() as db_session:
            rows, total = await SecretRepository(db_session).page(*where, limit=limit, offset=offset)
        now = self._clock.now()
        if rows:
            with suppress(VaultSealed):
                await self._note_listing(owner_id, by, now)
        items = [secret_view(row, now=now) for row in rows]
        return SecretList(items=items, total=total, limit=limit, offset=offset)

    async def _note_listing(self, owner_id: UUID, by: Actor, now: datetime) -> None:
        async with self._db.writing() as db_session:
            chain = await Chain.hold(db_session, self._envelope, owner_id, now=now)
            chain.add(Action.READ, by, now=now, detail="list")
            await chain.keep()

    async def get(self, owner_id: UUID, secret_id: UUID, by: Actor) -> SecretView:
        async with self._held(owner_id, secret_id, by) as held:
            held.note(Action.READ, by)
            return await held.view()

    async def create(self, owner_id: UUID, new: NewSecret, by: Actor) -> SecretView:
        now = self._clock.now()
        material, expires_at = self._checked(new.provider, new), self._end(new.expires_at)
        async with self._db.writing() as db_session:
            chain = await Chain.hold(db_session, self._envelope, owner_id, now=now)
            secrets = SecretRepository(db_session)
            if await secrets.count(owner_id) >= MOST_SECRETS:
                raise TooManySecrets(MOST_SECRETS)
            first = not await secrets.count(owner_id, new.provider)
            default = first if new.default is None else new.default
            if default:
                await secrets.no_default(owner_id, new.provider)
            secret = Secret(
                id=uuid7(),
                owner_id=owner_id,
                name=new.name.strip(),
                provider=new.provider,
                is_default=default,
                version=0,
                expires_at=expires_at,
                created_at=now,
            )
            await secrets.add(secret)
            version = await store(db_session, chain, self._envelope, secret, material, now=now)
            held = Held(db_session, secrets, chain, secret, version, now)
            held.note(Action.CREATE, by, detail=new.provider)
            await chain.keep()
            return await held.view()

    async def patch(self, owner_id: UUID, secret_id: UUID, changes: PatchSecret, by: Actor) -> SecretView:
        async with self._held(owner_id, secret_id, by) as held:
            secret, said = held.secret, []
            if changes.disabled is not UNSET and changes.disabled != (secret.disabled_by is not None):
                if secret.disabled_by == "admin":
                    raise SecretDisabled(secret_id)
                secret.disabled_by = "owner" if changes.disabled else None
                held.note(Action.DISABLE if changes.disabled else Action.ENABLE, by)
            if changes.name is not UNSET:
                secret.name = changes.name.strip()
                said.append("name")
            if changes.default is not UNSET:
                if changes.default:
                    await held.secrets.no_default(owner_id, secret.provider)
                secret.is_default = changes.default
                said.append("default")
            if changes.expires_at is not UNSET:
                secret.expires_at = self._end(changes.expires_at)
                said.append("expires_at")
            if said:
                held.note(Action.UPDATE, by, detail=", ".join(said))
            return await held.view()

    async def rotate(self, owner_id: UUID, secret_id: UUID, new: RotateSecret, by: Actor) -> SecretView:
        """A new version. The old one stays valid for the overlap."""
        async with self._held(owner_id, secret_id, by) as held:
            material = self._checked(held.secret.provider, new)
            if new.expires_at is not UNSET:
                held.secret.expires_at = self._end(new.expires_at)
            held.replace(new.overlap)
            await store(held.db_session, held.chain, self._envelope, held.secret, material, now=held.now)
            await held.shred_surplus()
            held.note(Action.ROTATE, by)
            return await held.view()

    async def versions(self, owner_id: UUID, secret_id: UUID, by: Actor, *, limit: int, offset: int) -> VersionList:
        async with self._held(owner_id, secret_id, by) as held:
            held.note(Action.READ, by, detail="versions")
            rows = await held.secrets.versions(secret_id)
        items = [version_view(row, current=row.version == held.secret.version) for row in rows[offset : offset + limit]]
        return VersionList(items=items, total=len(rows), limit=limit, offset=offset)

    async def restore(self, owner_id: UUID, secret_id: UUID, version: int, by: Actor) -> SecretView:
        """Back to a version that is still valid. The one that was current stays valid as after a rotation."""
        async with self._held(owner_id, secret_id, by) as held:
            wanted = await held.secrets.version(secret_id, version)
            if wanted is None or not is_valid(wanted, now=held.now):
                raise VersionNotFound(version)
            if version != held.secret.version:
                if not is_as_stored(held.chain, wanted, current=False):
                    raise SecretTampered(secret_id)
                held.replace(None)
                wanted.replaced_at = wanted.valid_until = None
                held.secret.version = version
                held.chain.made_current(secret_id, version)
                held.note(Action.RESTORE, by)
            return await held.view()

    async def remove(self, owner_id: UUID, secret_id: UUID, by: Actor) -> None:
        """Crypto-shredded: the keys of its values go with it."""
        async with self._held(owner_id, secret_id, by) as held:
            await held.remove(by)

    async def reveal(self, owner_id: UUID, secret_id: UUID, by: Actor) -> Revealed:
        """The value, to its owner. That they have proved again who they are is for the caller to see to.

        Raises RevealLimited past 5 an hour, counted exactly.
        """
        async with self._held(owner_id, secret_id, by) as held:
            since = held.now - REVEAL_WINDOW
            times = await TrailRepository(held.db_session).times(owner_id, Action.REVEAL, since)
            if len(times) >= REVEALS:
                wait = times[-REVEALS] + REVEAL_WINDOW - held.now
                raise RevealLimited(REVEALS, max(1, round(wait.total_seconds())))
            material = self._open(held)
            held.note(Action.REVEAL, by)
            return Revealed(
                value=material.value or "", session_token=material.session_token or None, version=held.secret.version
            )

    @asynccontextmanager
    async def opened(self, owner_id: UUID, secret_id: UUID, by: Actor) -> AsyncIterator[Credential]:
        """The current version, for a check of it by its provider; also of a disabled or expired one."""
        async with self._held(owner_id, secret_id, by) as held:
            material = self._open(held)
            held.note(Action.USE, by, detail="verify")
        credential = material.credential(material.provider, secret_id=secret_id)
        del material
        try:
            yield credential
        finally:
            del credential

    async def candidate(self, provider: str, material: KeyMaterial) -> Credential:
        """What `create` would store, for a check before; raises what `create` would of it. Needs no master key."""
        return self._checked(provider, material).credential(provider)

    async def note_verified(self, owner_id: UUID, secret_id: UUID | None, answer: str, by: Actor) -> None:
        """What the provider said of it, one word, for the trail."""
        await self._note(owner_id, Action.VERIFY, by, secret_id=secret_id, detail=answer)

    async def note_refused(self, owner_id: UUID, secret_id: UUID | None, why: str, by: Actor) -> None:
        """Something that the doors refused, such as a reveal without the password. Raises SecretNotFound."""
        await self._note(owner_id, Action.REFUSE, by, secret_id=secret_id, detail=why)

    async def shred_old(self, active: ActiveRuns) -> int:
        """Take the values of replaced versions whose time is over, or which no run uses any more. How many."""
        shredded = 0
        async with self._db.reading() as db_session:
            owners = await SecretRepository(db_session).owners_with_old_versions()
        for owner_id in owners:
            shredded += await self._shred_old_of(owner_id, active)
        return shredded

    async def _shred_old_of(self, owner_id: UUID, active: ActiveRuns) -> int:
        now = self._clock.now()
        async with self._db.reading() as db_session:
            secrets = SecretRepository(db_session)
            old = await secrets.old_versions(owner_id)
            users = {each: await secrets.runs_of(each) for each in old if each.valid_until is None}
        over = [each for each in old if each.valid_until is not None and each.valid_until <= now]
        over += [each for each, run_ids in users.items() if not await active(run_ids)]
        for each in over:
            async with hold(self._db, self._envelope, owner_id, each.secret_id, now=now) as held:
                version = await held.secrets.version(each.secret_id, each.version)
                # Another node may have been first, or its owner have gone back to it.
                if version is not None and version.ciphertext is not None and version.replaced_at == each.replaced_at:
                    await held.shred(version)
                    held.chain.add(Action.SHRED, Actor(), now=now, secret_id=each.secret_id, version=each.version)
        return len(over)

    async def _note(self, owner_id: UUID, action: Action, by: Actor, *, secret_id: UUID | None, detail: str) -> None:
        now = self._clock.now()
        async with self._db.writing() as db_session:
            chain = await Chain.hold(db_session, self._envelope, owner_id, now=now)
            if secret_id is not None and await SecretRepository(db_session).owner_of(secret_id) != owner_id:
                raise SecretNotFound(secret_id)
            chain.add(action, by, now=now, secret_id=secret_id, detail=detail)
            await chain.keep()

    @asynccontextmanager
    async def _held(self, owner_id: UUID, secret_id: UUID, by: Actor) -> AsyncIterator[Held]:
        """One transaction with the owner's trail; what is noted in it is stored at its end."""
        try:
            async with hold(self._db, self._envelope, owner_id, secret_id, now=self._clock.now()) as held:
                yield held
        except REFUSALS as refusal:
            await self.note_refused(owner_id, secret_id, refusal.code, by)
            raise

    def _checked(self, provider: str, given: KeyMaterial) -> Material:
        return checked(provider, given, self._egress)

    def _end(self, expires_at: datetime | None) -> datetime | None:
        """In UTC; without an offset it is taken for that."""
        if expires_at is None:
            return None
        end = expires_at if expires_at.tzinfo else expires_at.replace(tzinfo=UTC)
        if end <= self._clock.now():
            raise InvalidField("/expires_at", "This time is over.")
        return end.astimezone(UTC)

    def _open(self, held: Held) -> Material:
        if not is_as_stored(held.chain, held.version, current=True):
            raise SecretTampered(held.secret.id)
        return opened_material(self._envelope, held.secret, held.version)
