"""Clients that do not read what they asked for."""

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from urllib.parse import urlsplit
from uuid import UUID

import anyio
import httpx
import pytest

from app.lib.runlog.cursor import Cursor
from app.server.protocol import BoundedProtocol
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.rows import a_run
from tests.streams import events_of

EVENTS = 4500
"""Of 1 kB each: more than the sockets and the server hold."""
READ_BYTES = 64 * 1024
IDLE_SECONDS = 0.4
MANY = 10


@pytest.fixture
def idle_seconds() -> float:
    return IDLE_SECONDS


@pytest.fixture
async def server(settings: Settings, idle_seconds: float) -> AsyncIterator[LiveServer]:
    async with live_server(settings.model_copy(update={"stream_idle_timeout": idle_seconds})) as running:
        yield running


class Deaf:
    """A client with a small receive buffer that reads when it is told to."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    async def read(self, at_most: int = READ_BYTES) -> bytes:
        return await asyncio.get_running_loop().sock_recv(self._raw, at_most)

    async def rest(self) -> bytearray:
        """To the end of the connection, however it ends."""
        received = bytearray()
        with suppress(ConnectionError):
            while data := await self.read():
                received += data
        return received


@asynccontextmanager
async def deaf(client: httpx.AsyncClient, path: str) -> AsyncIterator[Deaf]:
    """Asks for a stream and reads no more than where it begins."""
    parts = urlsplit(str(client.base_url))
    with socket.socket() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.setblocking(False)  # noqa: FBT003 - its signature
        loop = asyncio.get_running_loop()
        await loop.sock_connect(raw, (parts.hostname, parts.port))
        head = [
            f"GET {path} HTTP/1.1",
            f"Host: {parts.netloc}",
            f"Authorization: {client.headers['authorization']}",
        ]
        await loop.sock_sendall(raw, "\r\n".join([*head, "", ""]).encode())
        reader = Deaf(raw)
        assert (await reader.read(13)) == b"HTTP/1.1 200 "
        yield reader


async def until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(10):
        while not true():  # noqa: ASYNC110 - nobody is told of it
            await anyio.sleep(0.02)


async def a_long_run(client: httpx.AsyncClient, server: LiveServer) -> str:
    """One that goes on, and has said much."""
    owner_id = UUID((await client.get("/api/me")).json()["id"])
    held_by = server.app.state.runs._engine.owner
    run_id = await a_run(server.app.state.db, attempt=1, owner_id=owner_id, held_by=held_by)
    log = server.app.state.writer.open(run_id, 1, 0)
    for _ in range(EVENTS):
        log.append(b"message_delta", b'{"content":"%b"}' % (b"x" * 1000))
        await log.room()
    await log.store()
    return str(run_id)


async def test_a_reader_that_does_not_read_is_let_go_and_may_come_back(
    client: httpx.AsyncClient, server: LiveServer
) -> None:
    run_id = await a_long_run(client, server)
    admission = server.app.state.admission

    async with deaf(client, f"/api/runs/{run_id}/events") as reader:
        assert admission.readers == 1
        await until(lambda: admission.readers == 0)
        received = await reader.rest()

    assert received.count(b"event: message_delta") < EVENTS
    async with client.stream("GET", f"/api/runs/{run_id}/events?after={EVENTS - 1}") as response:
        assert (await anext(events_of(response))).id == EVENTS


async def test_a_reader_that_reads_slowly_is_not_let_go(client: httpx.AsyncClient, server: LiveServer) -> None:
    run_id = await a_long_run(client, server)
    started = time.monotonic()
    received = bytearray()

    async with deaf(client, f"/api/runs/{run_id}/events") as reader:
        while time.monotonic() - started < 4 * IDLE_SECONDS:
            received += await reader.read()
            await anyio.sleep(IDLE_SECONDS / 8)  # as slow as it is
        assert server.app.state.admission.readers == 1
        last = b"id: %d\n" % EVENTS
        while last not in received[-READ_BYTES - len(last) :]:
            data = await reader.read()
            assert data
            received += data


@pytest.mark.parametrize("idle_seconds", [3600.0])
async def test_readers_that_never_read_cost_little(client: httpx.AsyncClient, server: LiveServer) -> None:
    path = f"/api/runs/{await a_long_run(client, server)}/events"
    hub = server.app.state.writer.hub

    async with AsyncExitStack() as stack:
        for _ in range(MANY):
            await stack.enter_async_context(deaf(client, path))
        await until(lambda: time.monotonic() - max(reader.last_write for reader in hub.readers()) > 0.5)
        written = [p.transport.get_write_buffer_size() for p in alive(BoundedProtocol) if p.flow.write_paused]
        read = [len(cursor._rest) for cursor in alive(Cursor)]
        assert server.app.state.admission.readers == MANY

    assert len(written) == len(read) == MANY
    assert max(written) + max(read) < 200_000


def alive[T](kind: type[T]) -> list[T]:
    return [each for each in gc.get_objects() if type(each) is kind]
