"""What every sliding window must do: in process, in Redis, and in PostgreSQL."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import cast
from uuid import UUID, uuid4

import anyio
import pytest
from redis.asyncio import Redis
from sqlalchemy import update

from app.domain.quotas.models import RateWindow
from app.domain.quotas.repository import UsageRepository
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.resilience.windows.memory import MemoryWindows
from app.lib.resilience.windows.redis import RedisWindows
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, Windows
from tests.people import new_owner
from tests.tool_calls import NOW
from tests.valkey import valkey_server

KINDS = [("memory", "sqlite"), ("redis", "sqlite"), ("postgres", "postgres")]
pytestmark = pytest.mark.parametrize(("kind", "database_url"), KINDS, indirect=True)
Pass = Callable[[float], Awaitable[None]]


class DatabaseWindows:
    """The database's, each in a transaction of its own; what it gives back is rolled back."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def take(self, key: str, member: str, limit: int) -> Taken:
        async with self._db.writing() as db_session:
            _, _, taken = await UsageRepository(db_session).begin(UUID(key), "2026-11", "0", starts=limit)
            assert taken is not None
            if not taken.passed or member == "given back":
                await db_session.rollback()
            return taken

    async def look(self, key: str, limit: int) -> Taken:
        async with self._db.reading() as db_session:
            return await UsageRepository(db_session).look_at_starts(UUID(key), limit)

    async def give_back(self, key: str, member: str) -> None:
        pass


class Kit:
    """Windows, how time passes for them, and somebody to count."""

    def __init__(self, windows: Windows, key: str, wait: Pass) -> None:
        self.windows = windows
        self.key = key
        self.wait = wait


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def kit(kind: str, db: Database, tmp_path: Path) -> AsyncIterator[Kit]:
    if kind == "memory":
        clock = FixedClock(NOW)

        async def pass_by(seconds: float) -> None:
            clock.advance(seconds)

        yield Kit(MemoryWindows(clock), uuid4().hex, pass_by)
    elif kind == "redis":
        with valkey_server(tmp_path) as server:
            windows = RedisWindows(server.url, "test:")

            async def age(seconds: float) -> None:
                async with Redis.from_url(server.url) as client:
                    for member in await client.zrange(f"test:{key}", 0, -1):
                        await client.zincrby(f"test:{key}", -seconds * 1_000_000, cast("bytes", member))

            key = uuid4().hex
            async with windows.running():
                yield Kit(windows, key, age)
    else:
        owner = await new_owner(db)

        async def grow_old(seconds: float) -> None:
            async with db.writing() as db_session:
                row = await db_session.get(RateWindow, owner)
                times = [at - seconds for at in row.times] if row else []
                await db_session.execute(update(RateWindow).values(times=times))

        yield Kit(DatabaseWindows(db), str(owner), grow_old)


async def test_as_many_pass_as_the_limit_says(kit: Kit) -> None:
    passed = [(await kit.windows.take(kit.key, str(n), 3)).passed for n in range(5)]

    assert passed == [True, True, True, False, False]


async def test_the_window_slides(kit: Kit) -> None:
    await kit.windows.take(kit.key, "a", 2)
    await kit.wait(30)
    await kit.windows.take(kit.key, "b", 2)

    refused = await kit.windows.take(kit.key, "c", 2)
    await kit.wait(30.5)
    one = await kit.windows.take(kit.key, "d", 2)
    another = await kit.windows.take(kit.key, "e", 2)

    assert not refused.passed
    assert 29 < refused.wait <= 30
    assert (one.passed, another.passed) == (True, False)
    assert 28.5 < another.wait <= 29.6


async def test_a_refusal_takes_nothing(kit: Kit) -> None:
    await kit.windows.take(kit.key, "a", 1)
    for n in range(5):
        await kit.windows.take(kit.key, f"refused {n}", 1)
    await kit.wait(WINDOW_SECONDS + 0.1)

    taken = await kit.windows.take(kit.key, "b", 1)
    assert (taken.passed, taken.used) == (True, 1)
    assert 59 < taken.wait <= 60


async def test_whoever_asks_redis_again_takes_nothing_more(kind: str, kit: Kit) -> None:
    if kind != "redis":
        pytest.skip("only answers that come over a network can be lost")
    for _ in range(3):
        taken = await kit.windows.take(kit.key, "a", 1)
        assert (taken.passed, taken.used) == (True, 1)

    assert not (await kit.windows.take(kit.key, "b", 1)).passed


async def test_a_process_that_was_busy_has_not_lost_redis(kind: str, kit: Kit) -> None:
    if kind != "redis":
        pytest.skip("only answers that come over a network can be late")
    windows = cast("RedisWindows", kit.windows)
    await windows._client.client_pause(700)
    asyncio.get_running_loop().call_later(0.2, time.sleep, 1.0)  # the answer comes, and nobody is there to read it

    assert (await windows.take(kit.key, "a", 1)).used == 1
    assert not windows.failing


async def test_what_is_given_back_was_never_taken(kit: Kit) -> None:
    await kit.windows.take(kit.key, "given back", 1)
    await kit.windows.give_back(kit.key, "given back")

    assert (await kit.windows.take(kit.key, "b", 1)).passed


async def test_looking_takes_nothing(kit: Kit) -> None:
    before = await kit.windows.look(kit.key, 1)
    await kit.windows.take(kit.key, "a", 1)
    after = await kit.windows.look(kit.key, 1)

    assert (before.passed, before.used) == (True, 0)
    assert (after.passed, after.used) == (False, 1)


async def test_a_lower_limit_waits_for_several_to_leave(kit: Kit) -> None:
    for n in range(4):
        await kit.windows.take(kit.key, str(n), 4)
        await kit.wait(10)

    refused = await kit.windows.take(kit.key, "x", 2)

    assert not refused.passed
    assert 39 < refused.wait <= 40


async def test_nobody_passes_a_limit_of_nothing(kit: Kit) -> None:
    refused = await kit.windows.take(kit.key, "a", 0)

    assert (refused.passed, refused.used, refused.wait) == (False, 0, WINDOW_SECONDS)


async def test_of_many_at_once_exactly_as_many_pass(kit: Kit) -> None:
    passed: list[bool] = []

    async def take(n: int) -> None:
        passed.append((await kit.windows.take(kit.key, str(n), 10)).passed)

    async with anyio.create_task_group() as tasks:
        for n in range(40):
            tasks.start_soon(take, n)

    assert passed.count(True) == 10
