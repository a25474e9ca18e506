"""Redis between two nodes, flushed and killed in the middle of many streams: nobody waits long, nothing is lost."""

from pathlib import Path

import anyio
import pytest
from redis.asyncio import Redis

from app.server.settings import Settings
from tests.chaos import figure
from tests.integration.test_runs_nodes import Watched, complete, over, pair, started, watch
from tests.valkey import valkey_server
from tests.wires.chat import ChatWire
from tests.wires.script import answer

pytestmark = [pytest.mark.timeout(60), pytest.mark.parametrize("database_url", ["postgres"], indirect=True)]
WORDS = 60
SHORT = pytest.param(20, 2.0, id="short")
LONG = pytest.param(100, 1.2, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(120)])


@pytest.mark.parametrize(("streams", "silence"), [SHORT, LONG])
async def test_readers_of_another_node_do_without_redis(
    settings: Settings, chat_wire: ChatWire, tmp_path: Path, streams: int, silence: float
) -> None:
    chat_wire.default = lambda _: answer("word " * WORDS, gap=0.08)
    moments = {15: anyio.Event(), 30: anyio.Event(), 45: anyio.Event()}

    def tell(number: int) -> None:
        if number in moments:
            moments[number].set()

    with valkey_server(tmp_path) as valkey:
        settings = over(settings, valkey)
        async with pair(settings, chat_wire) as nodes, anyio.create_task_group() as tasks:
            watched = [Watched() for _ in range(streams)]
            for one in watched:

                async def follow(run_id: str, one: Watched = one) -> None:
                    await watch(nodes.there, run_id, one, then=tell)

                tasks.start_soon(follow, await started(nodes.here))
            await moments[15].wait()
            async with Redis.from_url(valkey.url) as client:
                await client.flushall()
            await moments[30].wait()
            valkey.kill()
            await moments[45].wait()
            valkey.start()

    assert all(complete(one) for one in watched)
    longest = max(one.longest_silence for one in watched)
    figure(f"longest silence of {streams} readers", longest, "s")
    assert longest < silence
