"""What the caller's runs can call: whose key there is, and which models have a known name."""

from app.domain.providers.schemas import FREE, ModelView, PriceView, ProviderView, price_view
from app.domain.quotas.prices import price_of, prices
from app.lib.providers.demo.wire import PROVIDER as DEMO
from app.lib.providers.registry import WIRES, Registry
from app.lib.resilience.breaker import BreakerState

DEMO_MODEL = f"{DEMO}/todo"


class Providers:
    def __init__(self, registry: Registry, *, default_model: str) -> None:
        self._registry = registry
        self._default_model = default_model

    def all(self) -> list[ProviderView]:
        """Every provider that there is, the demo last."""
        health = self._registry.health()
        return [
            *(
                ProviderView(provider=name, usable=True, key="lent", healthy=health[name] == BreakerState.CLOSED)
                if name in health
                else ProviderView(provider=name, usable=False, key=None, healthy=None)
                for name in WIRES
            ),
            ProviderView(provider=DEMO, usable=True, key=None, healthy=True),
        ]

    def models(self) -> list[ModelView]:
        """The default one first, then those with a known price of providers that can be used, then the demo.

        A provider may have any number of others, which only it knows.
        """
        usable = {provider.provider for provider in self.all() if provider.usable}
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
