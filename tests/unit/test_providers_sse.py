"""Server-sent events in whatever pieces they come."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.providers.sse import EventParser, EventTooLarge

STREAM = (
    b"\xef\xbb\xbf: hello\n"
    b"data: one\n\n"
    b"event: error\r\nid: 7\r\ndata: two\r\ndata:lines\r\n\r\n"
    b"data: cr\r\r"
    b"retry: 10\nunknown\ndata\n\n"
    b"data:\n\n"
    b": ping\n\n"
    b"event: dropped\n\n"
    b"data: last \xf0\x9f\x98\x80\n\n"
)
EVENTS = [(b"", b"one"), (b"error", b"two\nlines"), (b"", b"cr"), (b"", b""), (b"", b"last \xf0\x9f\x98\x80")]


def fed(parser: EventParser, piece: bytes, times: int) -> list[tuple[bytes, bytes]]:
    return [event for _ in range(times) for event in parser.feed(piece)]


def parsed(pieces: list[bytes]) -> list[tuple[bytes, bytes]]:
    parser = EventParser()
    return [event for piece in pieces for event in parser.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
def test_events_are_the_same_in_pieces_of_any_size(size: int) -> None:
    assert parsed([STREAM[at : at + size] for at in range(0, len(STREAM), size)]) == EVENTS


@pytest.mark.parametrize("rest", [b"data: b", b"data: b\n", b"event: b\n", b": b", b"data: b\r"])
@pytest.mark.parametrize(
    "one", [b"data: a\n\n", b"event: n\ndata: a\n\n", b"event: n\nid: 7\n\n", b"event:n\ndata:a\n\n"]
)
def test_what_looks_like_one_event_may_go_on_with_another(rest: bytes, one: bytes) -> None:
    pieces = [one, one + rest, b"data: c\n\n", one, b"data: d\n\n"]

    assert parsed(pieces) == parsed([b"".join(pieces)])


@given(st.integers())
def test_events_are_the_same_in_random_pieces(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - it shall be the same each time
    cuts = sorted(chance.sample(range(len(STREAM)), chance.randint(1, 20)))

    assert parsed([STREAM[a:b] for a, b in zip([0, *cuts], [*cuts, len(STREAM)], strict=True)]) == EVENTS


def test_an_event_that_lacks_its_empty_line_is_there_at_the_end() -> None:
    parser = EventParser()

    assert parser.feed(b"data: [DONE]") == []
    assert parser.end() == [(b"", b"[DONE]")]


def test_a_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    with pytest.raises(EventTooLarge):
        fed(EventParser(max_event=1000), b"data: " + b"x" * 100, 20)


def test_lines_that_never_become_an_event_are_refused() -> None:
    with pytest.raises(EventTooLarge):
        fed(EventParser(max_event=1000), b"<p>hello</p>\n", 200)


def test_many_small_events_are_not_too_large() -> None:
    assert len(fed(EventParser(max_event=100), b"data: hello\n\n", 100)) == 100
