"""Secrets as runs use them: opened around one call of a provider, never kept."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from app.domain.secrets.schemas import Actor
from app.lib.clock import Clock
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.providers.credentials import Credential


class Vault:
    def __init__(self, db: Database, ring: Ring, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._clock = clock

    async def usable(self, owner_id: UUID, provider: str, secret_id: UUID | None = None) -> bool:
        """Whether `open` would have a credential now; audits and opens nothing. Raises what `open` would."""
        raise NotImplementedError

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
        raise NotImplementedError
        yield  # type: ignore[unreachable]
