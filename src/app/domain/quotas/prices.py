"""What calls of models cost, by the list prices in `prices.toml`. All arithmetic is decimal; costs are told as text."""

import re
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources

import msgspec

from app.lib.providers.demo.wire import PROVIDER as DEMO
from app.lib.providers.model import TokenUsage

NOTHING = "0"
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """USD for a million tokens."""

    input: Decimal
    cached_input: Decimal
    output: Decimal
    """What the model thought is part of it."""
    as_of: date
    """The day on which `source` said so."""
    source: str = ""


class _PriceList(msgspec.Struct, frozen=True):
    providers: list[str]
    source: str
    models: dict[str, Price]


@cache
def prices() -> dict[str, Price]:
    """By `provider/model`, in the table's order."""
    table = resources.files("app.domain.quotas").joinpath("prices.toml").read_bytes()
    lists = msgspec.toml.decode(table, type=dict[str, _PriceList])
    return {
        f"{provider}/{model}": msgspec.structs.replace(price, source=each.source)
        for each in lists.values()
        for provider in each.providers
        for model, price in each.models.items()
    }


def price_of(model: str) -> Price | None:
    """Of `provider/model`, or of the one it is a dated variant of.

    No other ending is taken off: `gpt-5-pro` costs twelve times what `gpt-5` does.
    """
    return prices().get(model) or prices().get(_DATED.sub("", model))


def cost_of(model: str, usage: TokenUsage) -> str | None:
    """In USD; None where nobody knows, which is not the same as nothing."""
    if model.partition("/")[0] == DEMO:
        return NOTHING
    price = price_of(model)
    if price is None:
        return None
    cached = min(usage.cached_tokens, usage.input_tokens)
    cost = (
        (usage.input_tokens - cached) * price.input + cached * price.cached_input + usage.output_tokens * price.output
    )
    return _text(cost.scaleb(-6))


def sum_of(cost: str | None, more: str | None) -> str | None:
    """None where a part is not known: a total that leaves something out would be taken for the whole."""
    return None if cost is None or more is None else _text(Decimal(cost) + Decimal(more))


def _text(cost: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{cost.normalize():f}"
