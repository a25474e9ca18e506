"""Text from models: thinking aloud, and Unicode that was cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.joining import MOST_CHARACTERS, AnswerText
from app.lib.providers.think import ThinkSplitter
from app.lib.providers.unicode import SurrogateJoiner, repaired


def split(pieces: list[str]) -> tuple[str, str]:
    """The reasoning and the visible text."""
    splitter = ThinkSplitter()
    told = [piece for text in pieces for piece in splitter.feed(text)] + splitter.end()
    assert all(text for text, _ in told)
    return "".join(t for t, reasoning in told if reasoning), "".join(t for t, reasoning in told if not reasoning)


CASES = {
    "plain": ("", "plain"),
    "  plain ": ("", "  plain "),
    "<think>why</think>because": ("why", "because"),
    "\n<think>\nwhy\n</think>\n\nbecause": ("why\n", "because"),
    "<think></think>\n\nhello": ("", "hello"),
    "<think>a</think><think>b</think>c": ("ab", "c"),
    "<think>never closed </thin": ("never closed </thin", ""),
    "<think>a < b </ think></think>x": ("a < b </ think>", "x"),
    "a <think> later </think>": ("", "a <think> later </think>"),
    "<thinking>no</thinking>": ("", "<thinking>no</thinking>"),
    "<th": ("", "<th"),
    "<think>a</think>b</think>": ("a", "b</think>"),
    "": ("", ""),
    "   ": ("", "   "),
}


@pytest.mark.parametrize("text", CASES)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
def test_thinking_is_told_from_text_in_pieces_of_any_size(text: str, size: int) -> None:
    assert split([text[at : at + size] for at in range(0, len(text), size)]) == CASES[text]


@given(st.lists(st.sampled_from(["<think>", "</think>", "<", "think>", " ", "a", "\n", "</"]), max_size=8), st.data())
def test_where_the_text_is_cut_makes_no_difference(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=6)))

    assert split([text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]) == split([text])


def test_white_space_is_not_held_back_for_ever() -> None:
    assert ThinkSplitter().feed(" " * 1000) == [(" " * 1000, False)]


def test_visible_text_needs_no_more_splitting() -> None:
    splitter = ThinkSplitter()
    splitter.feed("hello")

    assert splitter.over


def test_surrogates_are_joined_and_lone_ones_replaced() -> None:
    joiner = SurrogateJoiner()

    assert [joiner.feed("a\ud83d"), joiner.feed("\ude00b")] == ["a", "😀b"]
    assert [joiner.feed("a\ud83d"), joiner.feed("b")] == ["a", "\ufffdb"]
    assert joiner.feed("\ude00") == "\ufffd"
    assert [joiner.feed("x\ud83d"), joiner.end()] == ["x", "\ufffd"]


def test_text_that_databases_refuse_is_repaired() -> None:
    assert repaired("a\x00b\ud83d") == "a\ufffdb\ufffd"


def test_what_one_read_brought_is_not_one_delta_however_much_it_is() -> None:
    """A delta is the least that a reader's connection holds."""
    text = "x" * (2 * MOST_CHARACTERS) + "🥛"
    answer = AnswerText()

    answer.say(text)
    answer.close()
    deltas = answer.take()

    assert [len(delta.text) for delta in deltas] == [MOST_CHARACTERS, MOST_CHARACTERS, 1]
    assert "".join(delta.text for delta in deltas) == answer.whole(reasoning=False) == text
    assert answer.size == len(text)
