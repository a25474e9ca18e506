"""What the caller's runs can call: whose key there is, and which models have a known name."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.providers.keys import Keys, OwnKey
from app.domain.providers.schemas import FREE, ModelView, PriceView, ProviderView, price_view
from app.domain.quotas.prices import price_of, prices
from app.lib.providers.demo.wire import PROVIDER as DEMO
from app.lib.providers.registry import WIRES, Registry
from app.lib.resilience.breaker import BreakerState

DEMO_MODEL = f"{DEMO}/todo"


class Providers:
    def __init__(self, registry: Registry, keys: Keys, *, default_model: str) -> None:
        self._registry = registry
        self._keys = keys
        self._default_model = default_model

    async def all(self, db_session: AsyncSession, owner_id: UUID) -> list[ProviderView]:
        """Every provider that there is, the demo last."""
        own = await self._keys.own(db_session, owner_id)
        views = [self._view(name, own.get(name)) for name in WIRES]
        return [*views, ProviderView(provider=DEMO, usable=True, key=None, healthy=True)]

    def _view(self, provider: str, own: OwnKey | None) -> ProviderView:
        lent = self._registry.lent_for(provider)
        address = own.address if own is not None else lent.address if lent is not None else None
        if address is None:
            return ProviderView(provider=provider, usable=False, key=None, healthy=None)
        healthy = self._registry.state(address) is BreakerState.CLOSED
        usable = own is None or own.refusal is None
        return ProviderView(provider=provider, usable=usable, key="lent" if own is None else "own", healthy=healthy)

    async def models(self, db_session: AsyncSession, owner_id: UUID) -> list[ModelView]:
        """The default one first, then those with a known price of providers that can be used, then the demo.

        A provider may have any number of others, which only it knows.
        """
        usable = {provider.provider for provider in await self.all(db_session, owner_id) if provider.usable}
        named = [self._default_model, *(model for model in prices() if _provider(model) in usable), DEMO_MODEL]
        return [
            ModelView(
                model=model,
                provider=_provider(model),
                usable=_provider(model) in usable,
                default=model == self._default_model,
                price=_price(model),
            )
            for model in dict.fromkeys(named)
        ]


def _provider(model: str) -> str:
    return model.partition("/")[0]


def _price(model: str) -> PriceView | None:
    if _provider(model) == DEMO:
        return FREE
    price = price_of(model)
    return price_view(price) if price is not None else None
