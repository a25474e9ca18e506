"""A user's own secrets: stored sealed, changed, shown to their owner only."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

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
from app.lib.clock import Clock
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.lib.providers.credentials import Credential


class Secrets:
    """Has its own transactions: what it refuses must be remembered too. Every verb but `page` is audited."""

    def __init__(self, db: Database, ring: Ring, clock: Clock, egress: Policy) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock
        self._egress = egress

    async def page(self, owner_id: UUID, *, limit: int, offset: int, provider: str | None = None) -> SecretList:
        """Needs no master key."""
        raise NotImplementedError

    async def get(self, owner_id: UUID, secret_id: UUID, by: Actor) -> SecretView:
        raise NotImplementedError

    async def create(self, owner_id: UUID, new: NewSecret, by: Actor) -> SecretView:
        raise NotImplementedError

    async def patch(self, owner_id: UUID, secret_id: UUID, changes: PatchSecret, by: Actor) -> SecretView:
        raise NotImplementedError

    async def rotate(self, owner_id: UUID, secret_id: UUID, new: RotateSecret, by: Actor) -> SecretView:
        """A new version. The old one stays valid for the overlap."""
        raise NotImplementedError

    async def versions(self, owner_id: UUID, secret_id: UUID, by: Actor, *, limit: int, offset: int) -> VersionList:
        raise NotImplementedError

    async def restore(self, owner_id: UUID, secret_id: UUID, version: int, by: Actor) -> SecretView:
        """Back to a version that is still valid. The one that was current stays valid as after a rotation."""
        raise NotImplementedError

    async def remove(self, owner_id: UUID, secret_id: UUID, by: Actor) -> None:
        """Crypto-shredded: the keys of its values go with it."""
        raise NotImplementedError

    async def reveal(self, owner_id: UUID, secret_id: UUID, by: Actor) -> Revealed:
        """The value, to its owner. That they have proved again who they are is for the caller to see to.

        Raises RevealLimited past 5 an hour, counted exactly.
        """
        raise NotImplementedError

    @asynccontextmanager
    async def opened(self, owner_id: UUID, secret_id: UUID, by: Actor) -> AsyncIterator[Credential]:
        """The current version, for a check of it by its provider; also of a disabled or expired one."""
        raise NotImplementedError
        yield  # type: ignore[unreachable]

    async def candidate(self, provider: str, material: KeyMaterial) -> Credential:
        """What `create` would store, for a check before; raises what `create` would of it. Needs no master key."""
        raise NotImplementedError

    async def note_verified(self, owner_id: UUID, secret_id: UUID | None, answer: str, by: Actor) -> None:
        """What the provider said of it, one word, for the trail."""
        raise NotImplementedError

    async def note_refused(self, owner_id: UUID, secret_id: UUID | None, why: str, by: Actor) -> None:
        """Something that the doors refused, such as a reveal without the password. Raises SecretNotFound."""
        raise NotImplementedError
