"""What an admin may do with the secrets of others: see that they exist, disable and delete them. Never read one."""

from uuid import UUID

from app.domain.secrets.schemas import Actor, KeptSecret, KeptSecretList, Policy, PolicyList
from app.lib.clock import Clock
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database


class Oversight:
    def __init__(self, db: Database, ring: Ring, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock

    async def page(self, *, limit: int, offset: int, owner_id: UUID | None = None) -> KeptSecretList:
        raise NotImplementedError

    async def disable(self, secret_id: UUID, by: Actor, *, disabled: bool = True) -> KeptSecret:
        """Its owner cannot take this back; an admin can, with `disabled=False`."""
        raise NotImplementedError

    async def remove(self, secret_id: UUID, by: Actor) -> None:
        raise NotImplementedError

    async def policies(self) -> PolicyList:
        raise NotImplementedError

    async def set_policy(self, provider: str, max_age_days: int, by: Actor) -> Policy:
        """How old keys for the provider may become. It holds for stored ones too."""
        raise NotImplementedError

    async def remove_policy(self, provider: str, by: Actor) -> None:
        """Keys for the provider may become as old as they will. Raises PolicyNotFound."""
        raise NotImplementedError
