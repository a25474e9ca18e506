"""Whose key a call is made with: the secret that its run names, the user's default for the provider, a lent one."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.providers.errors import SecretNotFound
from app.lib.providers.credentials import Address, Credential


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key of a user's own that could be used now. It is not opened."""

    secret_id: UUID
    address: Address


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


class NoKeys:
    """Of a server without a vault: every key is the operator's."""

    async def own(
        self, db_session: AsyncSession, owner_id: UUID, secret_id: UUID | None = None
    ) -> Mapping[str, OwnKey]:
        if secret_id is not None:
            raise SecretNotFound
        return {}

    @asynccontextmanager
    async def opened(
        self, *, owner_id: UUID, provider: str, secret_id: UUID | None, run_id: UUID
    ) -> AsyncIterator[Credential | None]:
        if secret_id is not None:
            raise SecretNotFound
        yield None
