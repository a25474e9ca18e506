"""What a provider says of a key, before it is stored and after."""

from datetime import timedelta
from uuid import UUID

from app.domain.accounts.service import Tries, try_key
from app.domain.secrets.schemas import Actor, Verification, VerifySecret
from app.domain.secrets.service.secrets import Secrets
from app.lib.providers.credentials import Credential
from app.lib.providers.registry import Registry

AN_HOUR = 60
"""Checks of one user in an hour: enough to look after one's own keys, too few to find out which of a list are good."""


class Checks:
    def __init__(self, secrets: Secrets, registry: Registry, tries: Tries) -> None:
        self._secrets = secrets
        self._registry = registry
        self._tries = tries

    async def candidate(self, owner_id: UUID, candidate: VerifySecret, by: Actor) -> Verification:
        """Of a key that is not stored. Raises what storing it would."""
        credential = await self._secrets.candidate(candidate.provider, candidate)
        return await self._ask(owner_id, None, credential, by)

    async def stored(self, owner_id: UUID, secret_id: UUID, by: Actor) -> Verification:
        async with self._secrets.opened(owner_id, secret_id, by) as credential:
            return await self._ask(owner_id, secret_id, credential, by)

    async def _ask(self, owner_id: UUID, secret_id: UUID | None, credential: Credential, by: Actor) -> Verification:
        await self._tries.count({try_key("verify", str(owner_id)): AN_HOUR}, window=timedelta(hours=1))
        answer = await self._registry.verify(credential)
        await self._secrets.note_verified(owner_id, secret_id, answer, by)
        return Verification(answer=answer)
