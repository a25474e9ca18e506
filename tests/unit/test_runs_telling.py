"""What a run tells while there is too much to do: the same text in fewer events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import anyio
import pytest

from app.domain.runs.events import Message, MessageDelta, ReasoningDelta, RunEvent, decode
from app.domain.runs.gathering import MOST_CHARACTERS
from app.domain.runs.telling import Telling
from app.domain.runs.told import Told
from app.lib.observability.hiding import Hidden
from app.lib.providers.model import Delta
from app.lib.runlog.errors import LogTooLarge
from app.lib.runlog.frames import parse, split
from app.lib.runlog.log import LogWriter
from tests.unit.test_runlog import MemoryStore, writing

LONG = 60.0
"""Seconds of a window that a test does not wait for."""


@asynccontextmanager
async def telling(window: float, max_bytes: int = 10**9) -> AsyncIterator[tuple[Telling, MemoryStore, LogWriter]]:
    store = MemoryStore()
    async with writing(store, max_bytes) as writer:
        writer.window = window
        yield Telling(writer.open(uuid4(), 1, 0), Told(), Hidden()), store, writer


def say(told: Telling, *words: str, reasoning: bool = False) -> None:
    for word in words:
        told.delta(Delta(word, reasoning))


async def stored(told: Telling, store: MemoryStore) -> list[RunEvent]:
    await told.log.store()
    frames = (frame for batch in store.batches.get(told.log.run_id, []) for frame in split(batch.frames))
    return [decode(name, data) for _, name, data in map(parse, frames)]


async def test_while_it_is_calm_each_delta_is_an_event() -> None:
    async with telling(0.0) as (told, store, _):
        say(told, "a", "b", "c")

        assert await stored(told, store) == [MessageDelta(content=text) for text in "abc"]


async def test_in_a_window_the_first_goes_at_once_and_the_others_together() -> None:
    async with telling(LONG) as (told, store, _):
        say(told, "a", "b", "c")
        assert await stored(told, store) == [MessageDelta(content="a")]

        told.message("abc", partial=False)
        assert await stored(told, store) == [
            MessageDelta(content="a"),
            MessageDelta(content="bc"),
            Message(content="abc", partial=False),
        ]


async def test_they_are_told_when_the_window_has_passed() -> None:
    async with telling(0.03) as (told, store, _):
        say(told, "a", "b", "c")
        with anyio.fail_after(5):
            while told.log.seq < 2:  # noqa: ASYNC110 - a timer sets no event
                await anyio.sleep(0.005)

        assert await stored(told, store) == [MessageDelta(content="a"), MessageDelta(content="bc")]


async def test_what_is_thought_is_not_joined_with_what_is_said() -> None:
    async with telling(LONG) as (told, store, _):
        say(told, "x", "y", "z", reasoning=True)
        say(told, "a", "b")
        told.flush()

        assert await stored(told, store) == [
            ReasoningDelta(content="x"),
            ReasoningDelta(content="yz"),
            MessageDelta(content="a"),
            MessageDelta(content="b"),
        ]


async def test_much_text_does_not_wait() -> None:
    async with telling(LONG) as (told, store, _):
        say(told, "a", "b", "c" * MOST_CHARACTERS, "d")

        assert await stored(told, store) == [
            MessageDelta(content="a"),
            MessageDelta(content="b"),
            MessageDelta(content="c" * MOST_CHARACTERS),
        ]


async def test_when_it_is_calm_again_what_waited_comes_first() -> None:
    async with telling(LONG) as (told, store, writer):
        say(told, "a", "b")
        writer.window = 0.0
        say(told, "c")

        assert await stored(told, store) == [MessageDelta(content=text) for text in "abc"]


async def test_a_pause_tells_what_waited_before() -> None:
    async with telling(LONG) as (told, store, _):
        say(told, "a", "b")
        told.hold()
        say(told, "c", "d")
        told.let_go(resumed=True)

        contents = [getattr(event, "content", type(event).__name__) for event in await stored(told, store)]
        assert contents == ["a", "b", "Paused", "Resumed", "cd"]


async def test_a_log_that_is_full_says_so_to_whoever_tells_next_and_tells_the_rest_at_the_end() -> None:
    async with telling(LONG, max_bytes=100) as (told, store, _):
        say(told, "a", "b" * 200)
        told.flush()
        with pytest.raises(LogTooLarge):
            say(told, "c")

        told.log.unbound()
        told.let_go(resumed=False)
        assert await stored(told, store) == [MessageDelta(content="a"), MessageDelta(content="b" * 200)]
