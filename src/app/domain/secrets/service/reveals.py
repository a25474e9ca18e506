"""Showing a value to the one person who may see it, once they have proved again that it is they."""

from uuid import UUID

from app.domain.accounts.schemas import Principal
from app.domain.accounts.service import AccessService
from app.domain.secrets.schemas import Actor, Revealed
from app.domain.secrets.service.secrets import Secrets
from app.lib.errors import AppError


class Reveals:
    def __init__(self, secrets: Secrets, access: AccessService) -> None:
        self._secrets = secrets
        self._access = access

    async def reveal(self, user: Principal, secret_id: UUID, password: str | None, by: Actor) -> Revealed:
        """Whoever is refused stands in the trail as well."""
        try:
            await self._access.prove(user, password)
        except AppError as error:
            await self._secrets.note_refused(user.user_id, secret_id, f"reveal: {error.code}", by)
            raise
        return await self._secrets.reveal(user.user_id, secret_id, by)
