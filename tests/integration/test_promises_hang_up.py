"""A cancelled run hangs up on its provider, whatever that speaks."""

import math
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.chaos import figure
from tests.integration.conftest import LiveServer, live_server
from tests.streams import read_all, said, shown
from tests.wires.chat import ChatWire
from tests.wires.dialects import DIALECTS, Dialect
from tests.wires.script import Ending

pytestmark = [
    pytest.mark.alone,
    pytest.mark.timeout(60),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
SHORT = pytest.param(5, 0.5, 0.2, id="short")
LONG = pytest.param(200, 1, 0.1, id="long", marks=pytest.mark.soak)
"""How many, and the seconds that this share of them may take: a busy machine holds up a few of a short form."""


@pytest.fixture(params=DIALECTS, ids=lambda dialect: dialect.provider)
def dialect(request: pytest.FixtureRequest) -> Dialect:
    spoken: Dialect = request.param
    return spoken


@pytest.fixture
async def wire(dialect: Dialect) -> AsyncIterator[ChatWire]:
    async with dialect.serve() as wire:
        wire.default = lambda _: dialect.answer("Half an answer", ending=Ending.STALL)
        yield wire


@pytest.fixture
async def server(settings: Settings, dialect: Dialect, wire: ChatWire) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": f"{dialect.provider}/{dialect.model}"})
    registry = Registry({dialect.provider: dialect.credential(wire, lent=True)})
    async with live_server(settings, registry=registry) as running:
        yield running


async def taken_to_hang_up(client: httpx.AsyncClient, wire: ChatWire, number: int) -> float:
    """Seconds from asking, in the middle of the answer, to the provider seeing its socket closed."""
    async with client.stream(
        "POST", "/api/agents/chat/invoke", json=said("Hi"), headers={"Accept": "text/event-stream"}
    ) as response:
        await shown(response, "Half an answer")
        asked_at = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.post, f"{response.headers['Location']}/cancel")
            await (await wire.request(number)).hung_up.wait()
            taken = anyio.current_time() - asked_at
    return taken


@pytest.mark.parametrize(("cancels", "share", "seconds"), [SHORT, LONG])
async def test_every_wire_is_closed_at_once(
    client: httpx.AsyncClient, dialect: Dialect, wire: ChatWire, cancels: int, share: float, seconds: float
) -> None:
    times = sorted([await taken_to_hang_up(client, wire, number) for number in range(1, cancels + 1)])

    figure(f"cancel of {dialect.provider}, at most", times[-1] * 1000, "ms")
    assert times[math.ceil(len(times) * share) - 1] < seconds
    assert times[-1] < 2
    run = (await client.get("/api/runs")).json()["items"][0]
    async with client.stream("GET", f"/api/runs/{run['id']}/events") as response:
        assert (await read_all(response))[-1].data["upstream_closed"]
