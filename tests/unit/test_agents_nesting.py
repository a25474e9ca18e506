"""Who may ask whom."""

import pytest

from app.domain.agents.nesting import MAX_DEPTH, refusal

CHAIN = {"a": ["b"], "b": ["c"], "c": []}


def test_a_chain_may_be_as_deep_as_is_allowed() -> None:
    assert MAX_DEPTH == 3
    assert refusal(CHAIN, "c", "d") is None
    assert refusal(CHAIN, None, "a") is None
    assert refusal(CHAIN, "x", "a") is None


@pytest.mark.parametrize(
    ("asker", "asked"), [("d", "e"), ("c", "x"), (None, "a"), ("y", "a")], ids=["end", "middle", "new", "beginning"]
)
def test_and_not_deeper_wherever_it_grows(asker: str | None, asked: str) -> None:
    asks = {**CHAIN, "c": ["d"], "x": ["y"]}

    assert refusal(asks, asker, asked) == "Agents may ask each other at most 3 deep."


@pytest.mark.parametrize(("asker", "asked"), [("c", "a"), ("b", "a"), ("c", "c")])
def test_nobody_asks_itself_in_the_end(asker: str, asked: str) -> None:
    assert refusal(CHAIN, asker, asked) == "It would ask itself in the end."


def test_what_the_asker_asked_until_now_does_not_count() -> None:
    assert refusal({"a": ["b"], "b": ["c"], "c": ["d"]}, "a", "c") is None
    assert refusal({"a": ["b"], "b": []}, "a", "b") is None


def test_two_ways_to_one_agent_are_no_circle() -> None:
    assert refusal({"a": ["b"], "b": ["d"], "c": ["d"], "d": []}, "a", "c") is None


def test_a_circle_that_is_stored_all_the_same_is_only_too_deep() -> None:
    assert refusal({"a": ["b"], "b": ["a"]}, "x", "a") is not None
