"""What calls cost."""

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from app.domain.quotas.prices import cost_of, price_of, prices, sum_of
from app.domain.runs.answers import added
from app.domain.runs.events import Usage
from app.domain.runs.memory import MODEL, ROOT, Memory
from app.lib.providers.model import ModelAnswer, TokenUsage
from app.lib.providers.registry import WIRES
from app.lib.runlog.store import Step


def used(input_tokens: int, output_tokens: int, *, cached_tokens: int = 0, reasoning_tokens: int = 0) -> TokenUsage:
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_tokens=cached_tokens,
        reasoning_tokens=reasoning_tokens,
    )


@pytest.mark.parametrize(
    ("model", "usage", "cost"),
    [
        ("openai/gpt-5-mini", used(1_000_000, 1_000_000), "2.25"),
        ("openai_responses/gpt-5-mini", used(1_000_000, 1_000_000), "2.25"),
        ("openai/gpt-5-nano", used(1, 0), "0.00000005"),
        ("anthropic/claude-sonnet-5-5", used(1_000_000, 0, cached_tokens=900_000), "0.29"),
        ("anthropic/claude-haiku-4-5", used(1000, 500, reasoning_tokens=400), "0.0035"),
        ("openai/gpt-5", used(0, 100_000_000), "1000"),
        ("openai/gpt-5", used(0, 0), "0"),
        ("openai/gpt-5", used(8, 0, cached_tokens=9_000_000), "0.000001"),
        ("demo/todo", used(1000, 1000), "0"),
    ],
)
def test_a_call_costs_its_fresh_and_its_cached_input_and_its_output(model: str, usage: TokenUsage, cost: str) -> None:
    assert cost_of(model, usage) == cost


def test_a_dated_variant_costs_what_its_model_does_unless_it_has_a_price_of_its_own() -> None:
    assert price_of("openai/gpt-4o-2024-11-20") == price_of("openai/gpt-4o")
    assert price_of("openai/gpt-4o-2024-05-13") != price_of("openai/gpt-4o")
    assert price_of("anthropic/claude-haiku-4-5-20251001") == price_of("anthropic/claude-haiku-4-5")


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-5-pro",
        "openai/gpt-4o-audio-preview",
        "openai/gpt-4o-mini-search-preview-2025-03-11",
        "openai/o3-deep-research",
        "openai_compatible/gpt-5",
        "openai/ft:gpt-4o:house",
        "bedrock/anthropic.claude-haiku-4-5-20251001-v1:0",
        "openai/fake",
        "gpt-5",
        "",
    ],
)
def test_what_nobody_knows_is_not_nothing(model: str) -> None:
    assert cost_of(model, used(1, 1)) is None


def test_every_price_has_a_provider_a_day_and_a_source_and_is_plausible() -> None:
    assert prices()
    for model, price in prices().items():
        assert model.partition("/")[0] in WIRES
        assert Decimal(0) < price.cached_input <= price.input < price.output < Decimal(1000), model
        assert price.source.startswith("https://")
        assert price.as_of >= date(2026, 1, 1)


def test_sums_are_exact_and_none_where_a_part_is_not_known() -> None:
    total: str | None = "0"
    for _ in range(10):
        total = sum_of(total, "0.1")

    assert total == "1"
    assert sum_of("0.0000001", "0") == "0.0000001"
    assert sum_of(None, "1") is None
    assert sum_of("1", None) is None


def test_a_run_costs_what_its_calls_do_and_nobody_knows_it_where_one_is_not_known() -> None:
    known = added(Usage(cost_usd="0"), msgspec.structs.replace(used(1, 1), cost_usd="0.25"))
    again = added(known, msgspec.structs.replace(used(1, 1), cost_usd="0.5", source="estimated"))

    assert (again.cost_usd, again.source, again.input_tokens) == ("0.75", "estimated", 2)
    assert added(again, used(1, 1)).cost_usd is None


def test_steps_of_before_there_were_prices_can_be_read() -> None:
    assert msgspec.json.decode(b'{"input_tokens":1}', type=TokenUsage).cost_usd is None


def test_an_answer_that_is_replayed_costs_what_it_did() -> None:
    answer = ModelAnswer(items=[], usage=TokenUsage(input_tokens=1, cost_usd="0.5"), finish_reason="stop")

    found = Memory([Step(ROOT, 1, MODEL, 0, msgspec.json.encode(answer))]).answer(ROOT, 1)

    assert found is not None
    assert found[1].usage.cost_usd == "0.5"
