"""Windows that many processes share in Redis or Valkey, by its clock: one script counts and takes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import anyio
import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, WindowAway

ANSWER_SECONDS = 0.5
LOOK_SECONDS = 1.0
"""Between two looks at whether the server is there."""
_LATE_SECONDS = 0.05
"""A timer that fires so much later says that this process was busy."""
_TRIES = 5
_MICRO = 1_000_000

# Asked again for the same member it says the same, and takes nothing more.
# Answers whether it passed, how many are in the window, and the microseconds until there is room, or more of it.
_SCRIPT = f"""
local clock = redis.call('TIME')
local now = clock[1] * {_MICRO} + clock[2]
local limit, member = tonumber(ARGV[1]), ARGV[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - {WINDOW_SECONDS * _MICRO})
local used = redis.call('ZCARD', KEYS[1])
local mine = member ~= '' and redis.call('ZSCORE', KEYS[1], member)
local passed = mine or used < limit
if passed and not mine and member ~= '' then
    redis.call('ZADD', KEYS[1], now, member)
    redis.call('PEXPIRE', KEYS[1], {WINDOW_SECONDS * 1000})
    used = used + 1
end
local leaves = math.max(math.min(math.max(used - limit, 0), used - 1), 0)
local oldest = redis.call('ZRANGE', KEYS[1], leaves, leaves, 'WITHSCORES')[2]
local wait = limit <= 0 and {WINDOW_SECONDS * _MICRO} or 0
if oldest then wait = oldest + {WINDOW_SECONDS * _MICRO} - now end
return {{passed and 1 or 0, used, wait}}
"""

logger = structlog.get_logger()


class RedisWindows:
    """After a failure nobody is made to wait for it: whoever looks after it says when it is back."""

    def __init__(self, url: str, prefix: str) -> None:
        self.failing = False
        self._url = url
        self._prefix = prefix
        self._client = self._connect()
        self._script = self._client.register_script(_SCRIPT)

    def _connect(self) -> Redis:
        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=8,
            timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        return Redis.from_pool(pool)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            yield
            tasks.cancel_scope.cancel()
        with suppress(Exception):
            await self._client.aclose()

    async def take(self, key: str, member: str, limit: int) -> Taken:
        return await self._ask(key, member, limit)

    async def look(self, key: str, limit: int) -> Taken:
        return await self._ask(key, "", limit)

    async def give_back(self, key: str, member: str) -> None:
        with self._heard():
            await self._client.zrem(self._prefix + key, member)

    async def _ask(self, key: str, member: str, limit: int) -> Taken:
        with self._heard():
            passed, used, wait = await _heard_late(
                lambda: self._script(keys=[self._prefix + key], args=[limit, member])
            )
        return Taken(passed=bool(passed), used=used, wait=max(0.0, wait / _MICRO))

    @contextmanager
    def _heard(self) -> Iterator[None]:
        if self.failing:
            raise WindowAway
        try:
            yield
        except (RedisError, OSError, TimeoutError) as error:
            if not self.failing:
                self.failing = True
                logger.warning("rate limits cannot be counted: Redis is away", error=type(error).__name__)
            raise WindowAway from None

    async def _watch(self) -> None:
        while True:
            try:
                if self.failing:  # what the pool kept may be cut, which is not always seen before it is used
                    await self._client.connection_pool.disconnect(inuse_connections=False)
                await _heard_late(self._client.ping)
            except (RedisError, OSError, TimeoutError):
                with suppress(WindowAway), self._heard():
                    raise
            else:
                if self.failing:
                    self.failing = False
                    logger.warning("rate limits are counted again: Redis is back")
            await anyio.sleep(LOOK_SECONDS)


async def _heard_late(ask: Callable[[], Awaitable[Any]]) -> Any:
    """A process that was too busy to hear the answer in time asks again: the server is not away for that."""
    for _ in range(_TRIES):
        began = anyio.current_time()
        try:
            return await ask()
        except (RedisTimeout, TimeoutError):
            if anyio.current_time() - began < ANSWER_SECONDS + _LATE_SECONDS:
                raise
    raise TimeoutError
