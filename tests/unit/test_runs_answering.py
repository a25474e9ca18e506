"""How a client says what it wants: `Accept` and `Prefer`, as their RFCs read them."""

import time

import pytest

from app.domain.runs.controllers.answering import prefers_async, wants_stream


@pytest.mark.parametrize(
    "accept",
    [
        "text/event-stream",
        "Text/Event-Stream; charset=utf-8",
        "application/json, text/event-stream",
        "text/event-stream, */*;q=0.1",
        "application/json;q=0.5, text/event-stream;q=0.6",
        "text/*",
        "text/event-stream;q=0.001",
        'text/html;level="a,b", text/event-stream',
    ],
)
def test_a_stream_is_wanted(accept: str) -> None:
    assert wants_stream(accept)


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "text/event-stream;q=0",
        "text/event-stream; Q=0.0, */*",
        "text/*, text/event-stream;q=0",
        "application/json, text/event-stream;q=0.9",
        "text/event-stream;q=0.5, */*",
        "text/event-streams",
        "application/text/event-stream",
        "text/event-stream;q=nan",
        "text/event-stream;q=-1",
        'application/json;note="text/event-stream"',
        'application/json;note=", text/event-stream ,"',
    ],
)
def test_json_is_wanted(accept: str) -> None:
    assert not wants_stream(accept)


@pytest.mark.parametrize(
    "prefer",
    [
        "respond-async",
        "Respond-Async",
        "wait=10, respond-async",
        "respond-async; foo=bar , wait=1",
        'note="a, b", respond-async',
        'respond-async=""',
    ],
)
def test_an_answer_at_once_is_preferred(prefer: str) -> None:
    assert prefers_async(prefer)


@pytest.mark.parametrize(
    "prefer", ["", "respond-asynchronously", "no-respond-async", "foo=respond-async", 'foo="bar, respond-async"']
)
def test_no_answer_at_once_is_preferred(prefer: str) -> None:
    assert not prefers_async(prefer)


@pytest.mark.parametrize("piece", [",", '"', '"\\', ";", "a,", ";q="])
def test_a_header_made_to_be_slow_is_not(piece: str) -> None:
    begun = time.process_time()

    assert not wants_stream(piece * 16_000)
    assert not prefers_async(piece * 16_000)
    assert time.process_time() - begun < 1
