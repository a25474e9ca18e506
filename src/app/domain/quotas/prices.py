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


def stored(cost: str) -> int:
    """In 10⁻¹² US dollars: whole, since prices have no more than six places for a million tokens."""
    return int(Decimal(cost).scaleb(12))


def told(cost: int) -> str:
    """What was stored, as text."""
    return _text(Decimal(cost).scaleb(-12))


def most_of(model: str, input_tokens: int, output_tokens: int) -> int:
    """What a call may cost, in 10⁻¹² US dollars: nothing where nobody knows."""
    price = price_of(model)
    return 0 if price is None else int((input_tokens * price.input + output_tokens * price.output).scaleb(6))


def affordable(model: str, budget: int) -> int | None:
    """How many tokens the model may say for that; None where it costs nothing, as far as anyone knows."""
    price = price_of(model)
    return int(budget // price.output.scaleb(6)) if price is not None and price.output else None


def _text(cost: Decimal) -> str:
    """Without an exponent and without zeros at the end."""
    return f"{cost.normalize():f}"
