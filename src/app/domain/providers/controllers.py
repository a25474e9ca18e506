"""`/api/providers` and `/api/models`: what a run can name."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.schemas import Principal
from app.domain.providers.schemas import ModelList, ProviderList
from app.domain.providers.service import Providers

Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000)]


class ProviderController(Controller):
    path = "/api/providers"
    tags = ["providers"]

    @get()
    async def list_providers(
        self,
        providers: NamedDependency[Providers],
        user: NamedDependency[Principal],
        db_session: NamedDependency[AsyncSession],
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> ProviderList:
        """Every provider, whether the caller's runs can call it, and whose key they call it with."""
        found = await providers.all(db_session, user.user_id)
        return ProviderList(items=found[offset : offset + limit], total=len(found), limit=limit, offset=offset)


class ModelController(Controller):
    path = "/api/models"
    tags = ["providers"]

    @get()
    async def list_models(
        self,
        providers: NamedDependency[Providers],
        user: NamedDependency[Principal],
        db_session: NamedDependency[AsyncSession],
        limit: Limit = 100,
        offset: Offset = 0,
    ) -> ModelList:
        """Models to name, with what is known of their price. Any other name of a provider's may be named as well."""
        found = await providers.models(db_session, user.user_id)
        return ModelList(items=found[offset : offset + limit], total=len(found), limit=limit, offset=offset)
