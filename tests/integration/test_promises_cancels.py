"""A cancelled run lets go of its provider at once, whichever node is asked."""

import math

import anyio
import pytest

from app.server.settings import Settings
from tests.chaos import figure
from tests.integration.test_runs_nodes import Pair, Watched, pair, started, watch
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

pytestmark = [
    pytest.mark.alone,
    pytest.mark.timeout(60),
    pytest.mark.parametrize("database_url", ["postgres"], indirect=True),
]
SHORT = pytest.param(30, 0.5, 0.2, id="short")
LONG = pytest.param(200, 0.99, 0.1, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(300)])
"""How many, and the seconds that this share of them may take: a busy machine holds up a few of a short form."""


async def taken_to_cancel(nodes: Pair, wire: ChatWire, number: int, *, elsewhere: bool) -> float:
    """Seconds from asking, while the answer comes, to the provider seeing its socket closed."""
    run_id = await started(nodes.here)
    halfway = anyio.Event()
    watched = Watched()
    async with anyio.create_task_group() as tasks:

        async def follow() -> None:
            await watch(nodes.here, run_id, watched, then=lambda seq: halfway.set() if seq == 4 else None)

        tasks.start_soon(follow)
        await halfway.wait()
        asked_at = anyio.current_time()
        tasks.start_soon((nodes.there if elsewhere else nodes.here).post, f"/api/runs/{run_id}/cancel")
        await (await wire.request(number)).hung_up.wait()
        taken = anyio.current_time() - asked_at
    assert watched.events[-1].event == "cancelled"
    assert watched.events[-1].data["upstream_closed"]
    return taken


@pytest.mark.parametrize("elsewhere", [False, True], ids=["here", "elsewhere"])
@pytest.mark.parametrize(("cancels", "share", "seconds"), [SHORT, LONG])
async def test_the_provider_sees_its_socket_closed_at_once(
    settings: Settings, chat_wire: ChatWire, *, cancels: int, share: float, seconds: float, elsewhere: bool
) -> None:
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)
    async with pair(settings, chat_wire) as nodes:
        times = sorted([
            await taken_to_cancel(nodes, chat_wire, number, elsewhere=elsewhere) for number in range(1, cancels + 1)
        ])  # fmt: skip

    figure("cancel, median", times[len(times) // 2] * 1000, "ms")
    figure("cancel, p99", times[math.ceil(len(times) * 0.99) - 1] * 1000, "ms")
    assert times[math.ceil(len(times) * share) - 1] < seconds
    assert times[-1] < 2
