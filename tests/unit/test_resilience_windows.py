"""What is special about each place that windows are kept in."""

from pathlib import Path

import anyio
import pytest

from app.lib.clock import FixedClock
from app.lib.resilience.windows.memory import MemoryWindows
from app.lib.resilience.windows.redis import RedisWindows
from app.lib.resilience.windows.window import WINDOW_SECONDS, WindowAway
from tests.tool_calls import NOW
from tests.valkey import valkey_server


async def test_windows_in_memory_forget_who_was_quiet() -> None:
    clock = FixedClock(NOW)
    windows = MemoryWindows(clock)
    for n in range(50):
        await windows.take(f"user {n}", "a", 5)
    clock.advance(WINDOW_SECONDS + 1)
    for n in range(50):
        await windows.take("one", str(n), 100)

    assert len(windows._windows) == 1


async def take_many(windows: RedisWindows) -> None:
    """At once, over as many connections."""
    async with anyio.create_task_group() as tasks:
        for number in range(8):
            tasks.start_soon(windows.take, "a", f"{number}", 50)


async def test_redis_that_is_away_makes_nobody_wait_and_comes_back(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        windows = RedisWindows(server.url, "test:")
        async with windows.running():
            await take_many(windows)
            server.kill()
            with pytest.raises(WindowAway):
                await windows.take("a", "2", 50)
            assert windows.failing
            server.start()
            with anyio.fail_after(10):
                while windows.failing:  # noqa: ASYNC110 - nobody is told of it
                    await anyio.sleep(0.05)
            await take_many(windows)
