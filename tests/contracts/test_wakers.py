"""What every waker promises, over every line between nodes."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import anyio
import asyncpg
import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs
from structlog.typing import EventDict

from app.lib.db.engine import Database
from app.lib.runlog.wake.message import MOST_BYTES, Malformed, Subject, decode, encode
from app.lib.runlog.wake.postgres import CHANNEL, PostgresLine
from app.lib.runlog.wake.redis import RedisLine
from app.lib.runlog.wake.waker import Line, Waker
from tests.postgres import PostgresServer, postgres_server
from tests.valkey import ValkeyServer, valkey_server

pytestmark = pytest.mark.timeout(60)
GREETINGS: set[UUID] = set()


class Network(Protocol):
    """A server between nodes that a test may kill."""

    def line(self) -> Line: ...

    async def shout(self, data: str) -> None:
        """Anything at all, to all nodes."""

    def kill(self) -> None: ...

    def start(self) -> None: ...


class OverValkey:
    def __init__(self, server: ValkeyServer) -> None:
        self._server = server
        self.kill, self.start = server.kill, server.start

    def line(self) -> Line:
        return RedisLine(self._server.url, "headgate:test")

    async def shout(self, data: str) -> None:
        async with Redis.from_url(self._server.url) as client:
            await client.publish("headgate:test", data)


class OverPostgres:
    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.kill, self.start = server.stop, server.start

    def line(self) -> Line:
        return PostgresLine(Database(self._server.url("postgres")))

    async def shout(self, data: str) -> None:
        connection = await asyncpg.connect(self._server.url("postgres", "postgresql"))
        await connection.execute("SELECT pg_notify($1, $2)", CHANNEL, data)
        await connection.close()


@pytest.fixture(params=["valkey", "postgres"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Network]:
    if request.param == "valkey":
        with valkey_server(tmp_path) as valkey:
            yield OverValkey(valkey)
    else:
        with postgres_server(tmp_path / "data") as postgres:
            yield OverPostgres(postgres)


class Ears:
    """Everything that a node hears; greetings apart, which are repeated and may come late."""

    def __init__(self, waker: Waker) -> None:
        self.heard: list[tuple[Subject, UUID]] = []
        self.greetings: set[UUID] = set()
        self._something = anyio.Event()
        for subject in Subject:
            waker.on(subject, self._hearer(subject))

    def _hearer(self, subject: Subject) -> Callable[[UUID], None]:
        def hear(run_id: UUID) -> None:
            if run_id in GREETINGS:
                self.greetings.add(run_id)
            else:
                self.heard.append((subject, run_id))
            self._something.set()

        return hear

    async def until(self, *wanted: tuple[Subject, UUID]) -> None:
        with anyio.fail_after(20):
            while not set(wanted) <= set(self.heard):
                await self.more()

    async def more(self) -> None:
        self._something = anyio.Event()
        await self._something.wait()


@asynccontextmanager
async def nodes(network: Network, count: int = 2) -> AsyncIterator[tuple[list[Waker], list[Ears]]]:
    """That all hear each other."""
    wakers = [Waker(network.line()) for _ in range(count)]
    ears = [Ears(waker) for waker in wakers]
    async with AsyncExitStack() as stack:
        for waker in wakers:
            await stack.enter_async_context(waker.running())
        for speaker in wakers:
            await greet(speaker, [ear for ear, waker in zip(ears, wakers, strict=True) if waker is not speaker])
        yield wakers, ears


async def greet(speaker: Waker, ears: list[Ears]) -> None:
    """Until each has heard the speaker: who does not listen yet misses what is said."""
    greeting = uuid4()
    GREETINGS.add(greeting)
    for ear in ears:
        with anyio.fail_after(20):
            while greeting not in ear.greetings:
                speaker.tell(Subject.FREED, greeting)
                with anyio.move_on_after(0.05):
                    await ear.more()


async def warnings(logs: list[EventDict], count: int) -> None:
    with anyio.fail_after(20):
        while len([entry for entry in logs if entry["log_level"] == "warning"]) < count:  # noqa: ASYNC110 - no event tells
            await anyio.sleep(0.01)


async def test_all_others_hear_what_is_said_and_the_speaker_does_not(network: Network) -> None:
    async with nodes(network, 3) as (wakers, ears):
        said = [(subject, uuid4()) for subject in Subject]
        for subject, run_id in said:
            wakers[0].tell(subject, run_id)
        await ears[1].until(*said)
        await ears[2].until(*said)
        wakers[1].tell(Subject.ASKED, said[0][1])
        await ears[0].until((Subject.ASKED, said[0][1]))

        assert ears[0].heard == [(Subject.ASKED, said[0][1])]


async def test_a_message_takes_milliseconds(network: Network) -> None:
    async with nodes(network) as (wakers, ears):
        taken = []
        for _ in range(20):
            run_id, before = uuid4(), anyio.current_time()
            wakers[0].tell(Subject.STORED, run_id)
            await ears[1].until((Subject.STORED, run_id))
            taken.append(anyio.current_time() - before)

        assert sorted(taken)[10] < 0.1


async def test_what_is_said_again_before_it_is_sent_is_said_once(network: Network) -> None:
    async with nodes(network) as (wakers, ears):
        often, last = uuid4(), uuid4()
        for _ in range(1000):
            wakers[0].tell(Subject.STORED, often)
        wakers[0].tell(Subject.STORED, last)
        await ears[1].until((Subject.STORED, last))

        assert ears[1].heard == [(Subject.STORED, often), (Subject.STORED, last)]


async def test_news_of_very_many_runs_all_arrive(network: Network) -> None:
    async with nodes(network) as (wakers, ears):
        said = [(Subject.STORED, uuid4()) for _ in range(2000)]
        for subject, run_id in said:
            wakers[0].tell(subject, run_id)

        await ears[1].until(*said)


async def test_what_is_no_message_is_passed_over_with_one_warning(network: Network) -> None:
    async with nodes(network) as (wakers, ears):
        run_id = uuid4()
        with capture_logs() as logs:
            for nonsense in ("", "[", '{"node":1}', "[" * 5000, '{"node":"x","said":{"stored":["no"]}}', "é"):
                await network.shout(nonsense)
            await network.shout(f'{{"node":"x","said":{{"invented":["{uuid4()}"],"stored":["{run_id}"]}}}}')
            await ears[0].until((Subject.STORED, run_id))
            await ears[1].until((Subject.STORED, run_id))

        assert ears[0].heard == [(Subject.STORED, run_id)]
        assert [entry["log_level"] for entry in logs] == ["warning"] * len(wakers)


async def test_after_the_server_was_killed_they_hear_each_other_again(network: Network) -> None:
    async with nodes(network) as (wakers, ears):
        with capture_logs() as logs:
            network.kill()
            await warnings(logs, 2)
        network.start()
        await greet(wakers[0], [ears[1]])
        await greet(wakers[1], [ears[0]])
        wakers[0].tell(Subject.ASKED, last := uuid4())
        await ears[1].until((Subject.ASKED, last))

        assert not any("correct-horse" in str(entry) for entry in logs)


async def test_a_server_that_is_not_there_at_the_start_is_waited_for(network: Network) -> None:
    network.kill()
    wakers = [Waker(network.line()) for _ in range(2)]
    ears = [Ears(waker) for waker in wakers]
    with capture_logs() as logs:
        async with wakers[0].running(), wakers[1].running():
            await warnings(logs, 2)
            network.start()
            await greet(wakers[0], ears[1:])


async def test_the_last_words_are_said_before_a_node_goes(network: Network) -> None:
    async with nodes(network) as (_, ears):
        run_id = uuid4()
        leaving = Waker(network.line())
        async with leaving.running():
            await greet(leaving, ears)
            leaving.tell(Subject.FREED, run_id)
        await ears[0].until((Subject.FREED, run_id))


@pytest.mark.parametrize("killed", [False, True])
def test_a_loop_closes_at_once_behind_a_waker(network: Network, *, killed: bool) -> None:
    async def use() -> None:
        async with nodes(network):
            if killed:
                network.kill()

    async def bounded() -> None:
        with anyio.fail_after(10):
            await use()

    anyio.run(bounded, backend_options={"use_uvloop": True})


async def test_a_node_alone_says_nothing_and_needs_no_line() -> None:
    waker = Waker()
    async with waker.running():
        for _ in range(100_000):
            waker.tell(Subject.STORED, uuid4())

    assert not waker._unsent


async def test_what_cannot_be_sent_is_bounded() -> None:
    waker = Waker(RedisLine("redis://127.0.0.1:1", "x"))
    for _ in range(20_000):
        waker.tell(Subject.STORED, uuid4())

    assert len(waker._unsent) == 10_000


def test_a_message_fits_into_a_notification_and_comes_out_as_it_went_in() -> None:
    said = [(subject, uuid4()) for subject in Subject for _ in range(500)]

    messages = [*encode("a" * 32, said)]

    assert all(len(message) <= MOST_BYTES for message in messages)
    decoded = [decode(message) for message in messages]
    assert [(s, run) for m in decoded for s, runs in m.said.items() for run in runs] == said


@pytest.mark.parametrize("data", [b"\xff", b"", b"null", b"[" * 7000, b" " * 8000])
def test_what_is_no_message_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        decode(data)
