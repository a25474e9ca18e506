"""Nodes that talk through Redis or Valkey: one channel, published to by one connection, heard on another."""

from collections.abc import Callable
from contextlib import suppress

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

ANSWER_SECONDS = 2.0
QUIET_SECONDS = 5.0
"""After so long without a word the server is asked whether it is there; it has as long again to answer."""


class RedisLine:
    def __init__(self, url: str, channel: str) -> None:
        self._url = url
        self._channel = channel
        self._client: Redis | None = None
        self._ears: PubSub | None = None

    async def open(self) -> None:
        pool = BlockingConnectionPool.from_url(
            self._url,
            max_connections=2,
            timeout=ANSWER_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),  # the waker's own: it says so and keeps what was not sent
        )
        self._client = Redis.from_pool(pool)
        self._ears = self._client.pubsub(ignore_subscribe_messages=True)
        await self._ears.subscribe(self._channel)

    async def say(self, data: bytes) -> None:
        if self._client is None:
            raise ConnectionResetError
        await self._client.publish(self._channel, data)

    async def listen(self, heard: Callable[[bytes], None]) -> None:
        ears = self._ears
        if ears is None:
            raise ConnectionResetError
        quiet = False
        while True:
            said = await ears.get_message(timeout=QUIET_SECONDS)
            if said is not None:
                quiet = False
                if said["type"] == "message":
                    heard(said["data"])
            elif quiet:
                raise TimeoutError
            else:
                quiet = True
                await ears.ping()

    async def close(self) -> None:
        ears, self._ears = self._ears, None
        client, self._client = self._client, None
        with suppress(Exception):
            if ears is not None:
                await ears.aclose()  # type: ignore[no-untyped-call]
        with suppress(Exception):
            if client is not None:
                await client.aclose()
