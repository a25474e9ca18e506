"""Readers that never read, and readers that are told nothing: they cost a process little, and nobody else a wait."""

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from urllib.parse import urlsplit
from uuid import UUID

import anyio
import httpx
import psutil
import pytest
from sqlalchemy import insert, update

from app.lib.db.engine import Database
from app.lib.runlog.frames import frame
from app.lib.runlog.tables import RunHead, RunLogRow
from benchmarks.load import Stream, get, open_stream, post
from benchmarks.measures import percentile
from benchmarks.provider import Connection
from tests.chaos import environment, figure
from tests.rows import a_run
from tests.servers import Nursery
from tests.streams import said
from tests.wires.chat import ChatWire

pytestmark = pytest.mark.timeout(120)
CHAT = "/api/agents/chat/invoke"
LONG = [pytest.mark.soak, pytest.mark.timeout(600)]
ROWS, ROW_EVENTS = 300, 15
"""Events of 1 kB: more than the sockets and the server hold."""
DEAF_KB, IDLE_KB = 300, 40
FIRST = 20
"""What the process takes once for any of them, it has taken after so many."""
LIVE_SECONDS = 0.1


@dataclass
class Served:
    """A server process, and the one user it has."""

    url: str
    process: psutil.Process
    http: httpx.AsyncClient

    @property
    def bearer(self) -> str:
        return str(self.http.headers["authorization"])

    def kilobytes(self) -> float:
        return float(self.process.memory_info().rss) / 1000

    async def started(self, model: str) -> str:
        """The path of a new run's events."""
        body = {**said("go"), "model": f"openai/{model}"}
        response = await self.http.post(CHAT, json=body, headers={"Prefer": "respond-async"})
        assert response.status_code == 202, response.text
        return f"{response.headers['location']}/events"

    async def follow(self, path: str) -> Stream:
        return await open_stream(self.url, get(self.url, path, authorization=self.bearer))


@pytest.fixture(autouse=True)
def _many_files() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture
async def paced() -> AsyncIterator[str]:
    """The base URL of a provider that says when it wrote each chunk."""
    chance = Random(1)  # noqa: S311 - the same phases every time
    server = await asyncio.get_running_loop().create_server(lambda: Connection(chance), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@pytest.fixture
async def served(
    servers: Nursery, tmp_path: Path, database_url: str, chat_wire: ChatWire, paced: str
) -> AsyncIterator[Served]:
    settings = environment(chat_wire, database_url) | {
        "OPENAI_BASE_URL": paced,
        "HEADGATE_DATA_DIR": str(tmp_path / "data"),
        "HEADGATE_RUN_LEASE": "15",
        "HEADGATE_STREAM_IDLE_TIMEOUT": "3600",  # otherwise they would be let go
    }
    process = await servers.start(settings, tmp_path)
    _, most = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most, most))
    account = {"email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada"}
    try:
        async with httpx.AsyncClient(base_url=process.url, timeout=30) as http:
            (await http.post("/api/access/signup", json=account)).raise_for_status()
            token = (await http.post("/api/access/login", json=account)).json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            yield Served(process.url, psutil.Process(process.pid), http)
    finally:
        await process.kill()


async def a_long_log(db: Database, owner_id: UUID) -> str:
    """The path of the events of a run that has said much."""
    run_id = await a_run(db, attempt=1, ended=True, owner_id=owner_id)
    rows = []
    for last in range(ROW_EVENTS, ROWS * ROW_EVENTS + 1, ROW_EVENTS):
        events = range(last - ROW_EVENTS + 1, last + 1)
        frames = b"".join(frame(seq, b"message_delta", b'{"content":"%b"}' % (b"x" * 1000)) for seq in events)
        rows.append({"run_id": run_id, "last_seq": last, "n": ROW_EVENTS, "frames": frames})
    async with db.writing() as db_session:
        await db_session.execute(insert(RunLogRow), rows)
        await db_session.execute(update(RunHead).where(RunHead.run_id == run_id).values(seq=ROWS * ROW_EVENTS))
    return f"/api/runs/{run_id}/events"


@asynccontextmanager
async def deaf(served: Served, path: str, count: int) -> AsyncIterator[None]:
    """So many clients that ask for a stream and read its first line, and not a byte more."""
    parts, loop = urlsplit(served.url), asyncio.get_running_loop()
    request = get(served.url, path, authorization=served.bearer)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            raw = stack.enter_context(socket.socket())
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            raw.setblocking(False)  # noqa: FBT003 - its signature
            await loop.sock_connect(raw, (parts.hostname, parts.port))
            await loop.sock_sendall(raw, request)
            assert await loop.sock_recv(raw, 13) == b"HTTP/1.1 200 "
        yield


async def busy(served: Served) -> float:
    """The share of a core that the server takes for a second."""
    before = served.process.cpu_times()
    await anyio.sleep(1)
    after = served.process.cpu_times()
    return after.user - before.user + after.system - before.system


async def settled(served: Served, usual: float) -> None:
    """Wait until the server is not busier than usual: it has written all that the sockets take."""
    with anyio.fail_after(120):
        while await busy(served) > usual + 0.1:
            pass


async def p99_of(streams: Sequence[Stream], chunks: int) -> float:
    """Milliseconds from the provider to the reader, of the next chunks of each stream."""
    begun = [len(stream.delays) for stream in streams]
    with anyio.fail_after(90):
        while min(len(s.delays) - at for s, at in zip(streams, begun, strict=True)) < chunks:
            assert not any(stream.done.done() for stream in streams)
            await anyio.sleep(0.02)
    delays = [delay for s, at in zip(streams, begun, strict=True) for delay in s.delays[at:]]
    return percentile(sorted(delays), 0.99) / 1000


@pytest.mark.parametrize(
    ("readers", "others", "chunks"),
    [pytest.param(50, 5, 20, id="short"), pytest.param(200, 20, 400, id="long", marks=LONG)],
)
async def test_readers_that_never_read_cost_little_and_nobody_a_wait(
    served: Served, db: Database, readers: int, others: int, chunks: int
) -> None:
    owner_id = UUID((await served.http.get("/api/me")).json()["id"])
    path = await a_long_log(db, owner_id)
    request = post(served.url, CHAT, {**said("go"), "model": "openai/100000x50"}, authorization=served.bearer)
    streams = [await open_stream(served.url, request) for _ in range(others)]
    alone, usual = await p99_of(streams, chunks), await busy(served)
    async with deaf(served, path, FIRST):
        await settled(served, usual)
        before = served.kilobytes()

        async with deaf(served, path, readers):
            await settled(served, usual)
            cost = (served.kilobytes() - before) / readers
            beside = await p99_of(streams, chunks)

    for stream in streams:
        stream.close()
    figure(f"a reader that never reads, of {readers}", cost, "kB")
    figure("p99 of the others without them", alone, "ms")
    figure("p99 of the others beside them", beside, "ms")
    assert cost < DEAF_KB
    # A busy machine moves a short measurement by more than the readers do.
    assert beside < (alone * 1.1 + 10 if readers == 200 else alone * 3 + 500)


@pytest.mark.parametrize(
    ("readers", "most_seconds"),
    [pytest.param(300, 20 * LIVE_SECONDS, id="short"), pytest.param(5000, LIVE_SECONDS, id="long", marks=LONG)],
)
async def test_idle_readers_cost_little_and_the_process_is_awake(
    served: Served, readers: int, most_seconds: float
) -> None:
    path = await served.started("2x600000")
    first = [await served.follow(path) for _ in range(FIRST)]
    await until_heard(first)
    before = served.kilobytes()

    streams: list[Stream] = []
    while len(streams) < readers:  # all at once, some would be told to come later
        streams += [await served.follow(path) for _ in range(100)]
        await until_heard(streams[-100:])
    cost = (served.kilobytes() - before) / readers
    took = []
    for _ in range(200):
        asked = time.monotonic()
        assert (await served.http.get("/health/live")).status_code == 200
        took.append(time.monotonic() - asked)

    assert not any(stream.done.done() for stream in streams)
    for stream in [*first, *streams]:
        stream.close()
    slowest = percentile(sorted(took), 0.99)
    figure(f"an idle reader, of {readers}", cost, "kB")
    figure("p99 of /health/live beside them", slowest * 1000, "ms")
    assert cost < IDLE_KB
    assert slowest < most_seconds


async def until_heard(streams: Sequence[Stream]) -> None:
    with anyio.fail_after(90):
        while not all(stream.last_id for stream in streams):  # noqa: ASYNC110 - nobody is told of it
            await anyio.sleep(0.02)
