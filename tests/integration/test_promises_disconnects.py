"""Readers that hang up at any moment leave nothing behind."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from random import Random

import anyio
import httpx
import pytest

from app.lib.runlog.hub import Hub
from app.server.settings import Settings
from tests.chaos import figure
from tests.integration.conftest import LiveServer, live_server
from tests.integration.test_runs_control import registry_of
from tests.streams import said
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Ending, Script, answer

pytestmark = pytest.mark.timeout(60)
CHAT = "/api/agents/chat/invoke"
SHORT = pytest.param(100, id="short")
LONG = pytest.param(1000, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(180)])
WIDTH = 5
"""At once: not so many that requests wait, which are answered though nobody is there any more."""
GONE_SECONDS = 10.0


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=registry_of(chat_wire)) as running:
        yield running


def model(seen: Seen) -> Script:
    """Those who are not waited for to the end get none."""
    if "cancel" in seen.last_words:
        return answer("Half an answer", gap=0.02, ending=Ending.STALL)
    return answer("An answer of seven words in all.", gap=0.02)


def tasks() -> Counter[str]:
    return Counter(getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks())


async def hang_up(client: httpx.AsyncClient, number: int, chance: Random) -> None:
    """Start a run and follow it, for at most a moment: the connections are closed in the middle of whatever it was."""
    on_disconnect = chance.choice(["cancel", "continue"])
    body = said(f"{number} {on_disconnect}", on_disconnect=on_disconnect)
    headers = {"Accept": "text/event-stream"}
    with anyio.move_on_after(chance.random() * 0.5):
        async with client.stream("POST", CHAT, json=body, headers=headers, timeout=20) as response:
            if response.status_code == 503:  # too busy a machine says so
                return
            assert response.status_code == 200, await response.aread()
            async with client.stream("GET", f"{response.headers['location']}/events", timeout=20) as second:
                await second.aread()


@pytest.mark.parametrize("disconnects", [SHORT, LONG])
async def test_nothing_is_left_of_readers_that_hung_up(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire, disconnects: int
) -> None:
    chat_wire.default = model
    runs = server.app.state.runs
    hub: Hub = runs._writer.hub
    chance = Random(5)  # noqa: S311 - it shall be the same each time
    numbers = iter(range(disconnects))
    before = tasks()

    async def one_after_another() -> None:
        for number in numbers:
            await hang_up(client, number, chance)

    async with anyio.create_task_group() as group:
        for _ in range(WIDTH):
            group.start_soon(one_after_another)
    left_at = anyio.current_time()

    def left() -> Counter[str]:
        return Counter(
            readers=len(hub.readers()),
            tails=len(hub._tails),
            readers_counted=runs._engine.admission.readers,
            runs_counted=runs._engine.admission.runs,
            provider_calls=sum(not (s.answered.is_set() or s.hung_up.is_set()) for s in chat_wire.requests),
        ) + (tasks() - before)

    with anyio.move_on_after(GONE_SECONDS):
        while left().total():  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.05)
    assert left() == Counter()
    figure(f"all is gone after {disconnects} disconnects in", anyio.current_time() - left_at, "s")
    active = await client.get("/api/runs", params={"state": "active"})
    assert active.json()["total"] == 0
    assert len(chat_wire.requests) > disconnects / 2
