"""Providers and models on the wire."""

from datetime import date
from decimal import Decimal
from typing import Literal

import msgspec

from app.domain.quotas.prices import Price


class ProviderView(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    usable: bool
    """Whether the caller's runs can call it."""
    key: Literal["own", "lent"] | None
    """Whose key they call it with: the caller's own, one that the server lends, or none."""
    healthy: bool | None
    """False while it is left alone, or tried with care, because calls of several users have failed; null where it is
    not usable."""


class PriceView(msgspec.Struct, frozen=True, kw_only=True):
    """USD for a million tokens, as decimal text."""

    input: str
    cached_input: str
    output: str
    as_of: date | None
    """The day on which `source` said so; null where it costs nothing by its nature."""
    source: str | None


class ModelView(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    """What a run or an agent names: `provider/model`."""
    provider: str
    usable: bool
    default: bool
    """Whether it is the model of who names none."""
    price: PriceView | None
    """Null where it is not known."""


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[ProviderView]
    total: int
    limit: int
    offset: int


class ModelList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[ModelView]
    total: int
    limit: int
    offset: int


FREE = PriceView(input="0", cached_input="0", output="0", as_of=None, source=None)


def price_view(price: Price) -> PriceView:
    return PriceView(
        input=_text(price.input),
        cached_input=_text(price.cached_input),
        output=_text(price.output),
        as_of=price.as_of,
        source=price.source,
    )


def _text(price: Decimal) -> str:
    return f"{price:f}"
