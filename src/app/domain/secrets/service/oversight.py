"""What an admin may do with the secrets of others: see that they exist, disable and delete them. Never read one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.domain.secrets.errors import PolicyNotFound, SecretNotFound, UnknownProvider
from app.domain.secrets.models import Action, Secret
from app.domain.secrets.repository import SecretRepository
from app.domain.secrets.schemas import Actor, KeptSecret, KeptSecretList, Policy, PolicyList
from app.domain.secrets.service.holding import Held, hold
from app.domain.secrets.service.views import kept_secret, policy_view
from app.lib.clock import Clock
from app.lib.crypto.envelope import Envelope
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.providers.registry import WIRES


class Oversight:
    """What is done to a secret is in its owner's audit trail, with the admin as the actor."""

    def __init__(self, db: Database, ring: Ring, clock: Clock) -> None:
        self._db = db
        self._envelope = Envelope(ring)
        self._clock = clock

    async def page(self, *, limit: int, offset: int, owner_id: UUID | None = None) -> KeptSecretList:
        where = [Secret.owner_id == owner_id] if owner_id is not None else []
        async with self._db.reading() as db_session:
            rows, total = await SecretRepository(db_session).page(*where, limit=limit, offset=offset)
        now = self._clock.now()
        return KeptSecretList(
            items=[kept_secret(row, now=now) for row in rows], total=total, limit=limit, offset=offset
        )

    async def disable(self, secret_id: UUID, by: Actor, *, disabled: bool = True) -> KeptSecret:
        """Its owner cannot take this back; an admin can, with `disabled=False`."""
        async with self._held(secret_id) as held:
            held.secret.disabled_by = "admin" if disabled else None
            held.note(Action.DISABLE if disabled else Action.ENABLE, by)
            row = await held.secrets.find(secret_id)
        if row is None:
            raise SecretNotFound(secret_id)
        return kept_secret(row, now=held.now)

    async def remove(self, secret_id: UUID, by: Actor) -> None:
        async with self._held(secret_id) as held:
            await held.remove(by)

    async def policies(self) -> PolicyList:
        async with self._db.reading() as db_session:
            items = [policy_view(row) for row in await SecretRepository(db_session).policies()]
        return PolicyList(items=items, total=len(items), limit=len(items), offset=0)

    async def set_policy(self, provider: str, max_age_days: int, by: Actor) -> Policy:
        """How old keys for the provider may become. It holds for stored ones too."""
        if provider not in WIRES or by.user_id is None:
            raise UnknownProvider([*WIRES])
        async with self._db.writing() as db_session:
            values = {"max_age_days": max_age_days, "set_by": by.user_id, "updated_at": self._clock.now()}
            return policy_view(await SecretRepository(db_session).set_policy(provider, **values))

    async def remove_policy(self, provider: str, by: Actor) -> None:
        """Keys for the provider may become as old as they will. Raises PolicyNotFound."""
        async with self._db.writing() as db_session:
            if not await SecretRepository(db_session).drop_policy(provider):
                raise PolicyNotFound(provider)

    @asynccontextmanager
    async def _held(self, secret_id: UUID) -> AsyncIterator[Held]:
        async with self._db.reading() as db_session:
            owner_id = await SecretRepository(db_session).owner_of(secret_id)
        if owner_id is None:
            raise SecretNotFound(secret_id)
        async with hold(self._db, self._envelope, owner_id, secret_id, now=self._clock.now()) as held:
            yield held
