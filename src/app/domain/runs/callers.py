"""For whom runs call their providers, and with whose key: it is opened for one call, and hidden in all that is told."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.providers.keys import Keys, OwnKey
from app.domain.runs.errors import SecretUnfit
from app.domain.runs.models import Run
from app.domain.runs.priced import PricedAdapter
from app.lib.db.engine import Database
from app.lib.errors import AppError
from app.lib.observability.hiding import Hidden
from app.lib.providers.errors import UnknownModel
from app.lib.providers.model import Adapter
from app.lib.providers.registry import Registry, is_known, needs_key, provider_of


class Called(NamedTuple):
    adapter: Adapter
    name: str
    """The provider's own name of the model."""
    secret_id: UUID | None = None
    """Of the user's own key; None for a lent one."""


class Callers:
    def __init__(self, registry: Registry, keys: Keys, db: Database) -> None:
        self._registry = registry
        self._keys = keys
        self._db = db

    async def check(
        self,
        db_session: AsyncSession,
        owner_id: UUID,
        secret_id: UUID | None,
        models: Collection[str],
        fallbacks: Collection[str] = (),
    ) -> bool:
        """Whether a run would call one of its models with a lent key.

        Raises what says why it cannot call all of them. Its fallbacks may be without a key.

        Opens none: whether a key is right only its provider knows.
        """
        own = await self._keys.own(db_session, owner_id, secret_id)
        for model in models:
            self._check(model, own)
        if secret_id is not None:
            serves = [provider for provider, key in own.items() if key.secret_id == secret_id]
            if not {*map(provider_of, (*models, *fallbacks))} & {*serves}:
                raise SecretUnfit(serves[0])
        return any(needs_key(model) and provider_of(model) not in own for model in models)

    async def may_call(self, run: Run, model: str) -> bool:
        """Whether there is a key for it."""
        try:
            async with self._db.reading() as db_session:
                own = await self._keys.own(db_session, run.owner_id, run.secret_id)
            self._check(model, own)
        except AppError:
            return False
        return True

    def _check(self, model: str, own: Mapping[str, OwnKey]) -> None:
        if not is_known(model):
            raise UnknownModel
        key = own.get(provider_of(model))
        if key is None:
            self._registry.adapter(model)
        elif key.refusal is not None:
            raise key.refusal

    @asynccontextmanager
    async def calling(self, run: Run, model: str, hidden: Hidden) -> AsyncIterator[Called]:
        """For one call: whom to call. What the key is, is added to `hidden`."""
        if not needs_key(model):
            keyless, name = self._registry.adapter(model)
            yield Called(PricedAdapter(keyless, model), name)
            return
        async with self._keys.opened(
            owner_id=run.owner_id, provider=provider_of(model), secret_id=run.secret_id, run_id=run.id
        ) as own:
            credential = own or self._registry.lent_for(model)
            called, name = self._registry.adapter(model, credential)
            if credential is not None:
                hidden.add(*credential.secrets)
            with self._registry.watching(model, run.owner_id, credential):
                yield Called(
                    PricedAdapter(called, model), name, credential.secret_id if credential is not None else None
                )
