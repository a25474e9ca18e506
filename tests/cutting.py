"""A network that breaks: a proxy between a client and Headgate which cuts event streams, or lets them go silent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from urllib.parse import urlsplit

import anyio
from anyio.abc import SocketAttribute, SocketStream, TaskGroup

MARKS = (b"/events", b"/api/ws")
"""Requests for streams; the others pass."""


class Cutting:
    """Cuts `cuts` streams, each after so many bytes of the answer as chance has it. `silent` ones stay open instead."""

    def __init__(self, target: str, *, cuts: int, most: int = 1500, silent: bool = False) -> None:
        self.target = target
        """Where Headgate is. It may move."""
        self.cuts = 0
        self.url = ""
        self._left = cuts
        self._most = most
        self._silent = silent
        self._chance = Random(7)  # noqa: S311 - it shall be the same each time
        self._cut = anyio.Event()

    async def was_cut(self, times: int) -> None:
        """Wait until it has cut so often."""
        while self.cuts < times:
            await self._cut.wait()

    async def serve(self, client: SocketStream) -> None:
        where = urlsplit(self.target)
        async with client:
            try:
                server = await anyio.connect_tcp(where.hostname or "", where.port or 80)
            except OSError:
                return  # it is restarting
            async with server, anyio.create_task_group() as tasks:
                connection = _Connection(client, server, tasks)
                tasks.start_soon(self._ask, connection)
                tasks.start_soon(self._answer, connection)

    async def _ask(self, connection: "_Connection") -> None:
        async for data in connection.asked():
            if self._left and any(mark in data for mark in MARKS):
                connection.budget = self._chance.randint(1, self._most)
            await connection.server.send(data)

    async def _answer(self, connection: "_Connection") -> None:
        async for data in connection.answered():
            if connection.budget is None or not self._left:
                await connection.client.send(data)
                continue
            await connection.client.send(data[: connection.budget])
            connection.budget -= len(data)
            if connection.budget <= 0:
                await self._break(connection)

    async def _break(self, connection: "_Connection") -> None:
        self._left -= 1
        self.cuts += 1
        self._cut.set()
        self._cut = anyio.Event()
        if self._silent:
            await anyio.sleep_forever()  # until the client has had enough
        connection.tasks.cancel_scope.cancel()


class _Connection:
    budget: int | None = None
    """Bytes of the answer that still get through."""

    def __init__(self, client: SocketStream, server: SocketStream, tasks: TaskGroup) -> None:
        self.client = client
        self.server = server
        self.tasks = tasks

    async def asked(self) -> AsyncIterator[bytes]:
        async for data in self._pieces(self.client):
            yield data

    async def answered(self) -> AsyncIterator[bytes]:
        async for data in self._pieces(self.server):
            yield data

    async def _pieces(self, stream: SocketStream) -> AsyncIterator[bytes]:
        """To its end, which is the end of both."""
        try:
            while True:
                yield await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self.tasks.cancel_scope.cancel()


@asynccontextmanager
async def cutting(target: str, *, cuts: int, silent: bool = False) -> AsyncIterator[Cutting]:
    proxy = Cutting(target, cuts=cuts, silent=silent)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0)
    proxy.url = f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"  # noqa: S610 - anyio's
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, proxy.serve)
        yield proxy
        tasks.cancel_scope.cancel()
    await listener.aclose()
