"""A cancelled task lets go of its provider at once and says so, whichever node is asked, however nodes are linked."""

import math
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from app.server.settings import Settings
from tests.a2a import NEW, frames_of, kinds, message, request, rpc
from tests.chaos import figure
from tests.integration.test_runs_nodes import Pair, over, pair
from tests.valkey import valkey_server
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

pytestmark = [
    pytest.mark.alone,
    pytest.mark.timeout(60),
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]
SHORT = pytest.param(15, 0.5, 0.2, id="short")
LONG = pytest.param(200, 0.99, 0.1, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(300)])
"""How many, and the seconds that this share of them may take: until the provider is let go, and until the answer, which
comes when the end is stored and read. A busy machine holds up a few of a short form."""


async def taken_to_cancel(nodes: Pair, wire: ChatWire, number: int, *, elsewhere: bool) -> tuple[float, float]:
    """Seconds from asking, while the answer comes, to the provider seeing its socket closed, and to A2A's answer."""
    begun = {**message("Go"), "configuration": {"returnImmediately": True}}
    place = {"id": (await rpc(nodes.here, "SendMessage", begun)).result["task"]["id"]}
    halfway = anyio.Event()
    taken: list[float] = []
    async with anyio.create_task_group() as tasks:

        async def follow() -> None:
            body = request("SubscribeToTask", place)
            async with nodes.here.stream("POST", "/a2a", json=body, headers=NEW) as response:
                frames = []
                async for frame in frames_of(response):
                    frames.append(frame)
                    halfway.set()
            assert kinds(frames)[-1] == "statusUpdate canceled"

        async def let_go() -> None:
            await (await wire.request(number)).hung_up.wait()
            taken.append(anyio.current_time() - asked_at)

        tasks.start_soon(follow)
        await halfway.wait()
        await wire.request(number)
        asked_at = anyio.current_time()
        tasks.start_soon(let_go)
        cancelled = await rpc(nodes.there if elsewhere else nodes.here, "CancelTask", place)
        answered = anyio.current_time() - asked_at
    assert cancelled.result["status"]["state"] == "TASK_STATE_CANCELED"
    return taken[0], answered


@pytest.mark.parametrize("asked", ["here", "elsewhere-over-valkey", "elsewhere-over-postgres"])
@pytest.mark.parametrize(("cancels", "share", "seconds"), [SHORT, LONG])
async def test_a_task_is_cancelled_at_once(
    settings: Settings,
    chat_wire: ChatWire,
    tmp_path: Path,
    *,
    cancels: int,
    share: float,
    seconds: float,
    asked: str,
) -> None:
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)
    with ExitStack() as stack:
        if asked.endswith("valkey"):
            settings = over(settings, stack.enter_context(valkey_server(tmp_path)))
        async with pair(settings, chat_wire) as nodes:
            times = [
                await taken_to_cancel(nodes, chat_wire, number, elsewhere=asked != "here")
                for number in range(1, cancels + 1)
            ]

    for what, figures in zip(("let go", "answered"), map(sorted, zip(*times, strict=True)), strict=True):
        figure(f"{asked}, {what}, median", figures[len(figures) // 2] * 1000, "ms")
        figure(f"{asked}, {what}, p99", figures[math.ceil(len(figures) * 0.99) - 1] * 1000, "ms")
        assert figures[math.ceil(len(figures) * share) - 1] < seconds
        assert figures[-1] < 2
