"""Users' own keys for tests, in place of the vault's: what matters here is when they are opened, and for whom."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.providers.keys import OwnKey
from app.domain.secrets.errors import SecretNotFound
from app.lib.providers.credentials import Credential


class Keyring:
    """Everybody's, in this process."""

    def __init__(self) -> None:
        self.stored: dict[UUID, Credential] = {}
        self.defaults: dict[tuple[UUID, str], UUID] = {}
        """By owner and provider."""
        self.open: list[UUID] = []
        """Those that are open now."""
        self.uses: list[tuple[UUID, UUID]] = []
        """Which was opened for which run."""

    def add(self, credential: Credential, *, default_of: UUID | None = None) -> UUID:
        secret_id = uuid4()
        self.stored[secret_id] = msgspec.structs.replace(credential, secret_id=secret_id)
        if default_of is not None:
            self.defaults[default_of, credential.provider] = secret_id
        return secret_id

    def remove(self, secret_id: UUID) -> None:
        del self.stored[secret_id]
        self.defaults = {of: each for of, each in self.defaults.items() if each != secret_id}

    async def own(
        self, db_session: AsyncSession, owner_id: UUID, secret_id: UUID | None = None
    ) -> Mapping[str, OwnKey]:
        ids = {provider: each for (of, provider), each in self.defaults.items() if of == owner_id}
        if secret_id is not None:
            ids[self._named(secret_id).provider] = secret_id
        return {provider: OwnKey(secret_id=each, address=self.stored[each].address) for provider, each in ids.items()}

    @asynccontextmanager
    async def opened(
        self, *, owner_id: UUID, provider: str, secret_id: UUID | None, run_id: UUID
    ) -> AsyncIterator[Credential | None]:
        found = self.defaults.get((owner_id, provider))
        if secret_id is not None and self._named(secret_id).provider == provider:
            found = secret_id
        if found is None:
            yield None
            return
        self.open.append(found)
        self.uses.append((found, run_id))
        try:
            yield self.stored[found]
        finally:
            self.open.remove(found)

    def _named(self, secret_id: UUID) -> Credential:
        if secret_id not in self.stored:
            raise SecretNotFound(secret_id)
        return self.stored[secret_id]
