"""A vault over a test's database, without a server."""

import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from app.domain.secrets.repository.uses import Uses
from app.domain.secrets.schemas import Actor, NewSecret, SecretView
from app.domain.secrets.service import Oversight, Secrets, Trail, Vault
from app.lib.clock import FixedClock
from app.lib.crypto.envelope import Envelope
from app.lib.crypto.ring import MasterKey, Ring
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from tests.people import new_owner

KEY = "sk-" + "a1B2" * 8
START = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


def new_key() -> str:
    return urlsafe_b64encode(secrets.token_bytes(32)).decode()


def master_key() -> MasterKey:
    return MasterKey(secrets.token_bytes(32))


def by(user_id: UUID) -> Actor:
    return Actor(user_id=user_id, address="192.0.2.1", request_id="r1")


@dataclass
class TestVault:
    """All its services over one ring, at a time that stands still."""

    __test__ = False

    db: Database
    keys: list[MasterKey] = field(default_factory=lambda: [master_key()])
    clock: Any = field(default_factory=lambda: FixedClock(START))
    uses: Uses | None = None
    ring: Ring = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self.ring = self.ring or Ring(lambda: self.keys)
        self.envelope = Envelope(self.ring)
        self.secrets = Secrets(self.db, self.ring, self.clock, Policy())
        self.vault = Vault(self.db, self.ring, self.clock, uses=self.uses)
        self.trail = Trail(self.db, self.ring)
        self.oversight = Oversight(self.db, self.ring, self.clock)

    async def user(self) -> UUID:
        return await new_owner(self.db)

    async def store(self, owner_id: UUID, value: str = KEY, provider: str = "openai", **more: object) -> SecretView:
        new = NewSecret(name="mine", provider=provider, value=value, **more)  # type: ignore[arg-type]
        return await self.secrets.create(owner_id, new, by(owner_id))

    async def key_of(self, owner_id: UUID, provider: str = "openai", **options: UUID | None) -> str | None:
        """What a call of the provider would carry."""
        async with self.vault.open(owner_id, provider, **options) as credential:  # type: ignore[arg-type]
            return credential.api_key.reveal() if credential and credential.api_key else None
