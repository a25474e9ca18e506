"""Whose key a call is made with: the secret that its run names, the user's default for the provider, a lent one."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.schemas import OwnKey
from app.domain.secrets.service import Vault
from app.lib.providers.credentials import Credential

__all__ = ["Keys", "OwnKey", "VaultKeys"]


class Keys(Protocol):
    """The keys of users. Where a user has none for a provider, the registry lends the operator's."""

    async def own(
        self, db_session: AsyncSession, owner_id: UUID, secret_id: UUID | None = None
    ) -> Mapping[str, OwnKey]:
        """Those that the user's calls are made with, by provider: the named one, and for other providers the default.

        Raises what says why the named one cannot be used, SecretNotFound for one.
        """
        ...

    def opened(
        self, *, owner_id: UUID, provider: str, secret_id: UUID | None, run_id: UUID
    ) -> AbstractAsyncContextManager[Credential | None]:
        """The same key of one provider, opened for as long as a call takes; None where the user has none.

        It is looked up anew for each call, so that a key that was taken away opens no more. No connection to the
        database is held while it is open. Raises what `own` does.
        """
        ...


class VaultKeys:
    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.own = vault.own

    def opened(
        self, *, owner_id: UUID, provider: str, secret_id: UUID | None, run_id: UUID
    ) -> AbstractAsyncContextManager[Credential | None]:
        return self._vault.open(owner_id, provider, secret_id=secret_id, run_id=run_id)
