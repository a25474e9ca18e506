"""What is measured, each as one function over servers that are under load at the same time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio
import httpx

from benchmarks.load import Stream, admitted, get, open_stream
from benchmarks.servers import MESSAGE, Server

_EDGE = 10
"""So many chunks of each stream lie before the steady part and as many after it."""
_PATIENCE = 120.0


class Broken(Exception):
    """A stream was not what it has to be, so that no figure would mean anything."""


@dataclass(frozen=True)
class Load:
    streams: int
    chunks: int
    gap_ms: int

    @property
    def model(self) -> str:
        return f"{self.chunks}x{self.gap_ms}"

    @property
    def starting_seconds(self) -> float:
        """Over which the starts are spread, so that a start is not what the first chunks wait for."""
        return min(1.5, self.streams * 0.02)


@dataclass(frozen=True)
class Part:
    """Chunks that readers got, and what they cost."""

    chunks: int
    cpu: float
    database_cpu: float = 0.0

    def __sub__(self, before: "Part") -> "Part":
        return Part(self.chunks - before.chunks, self.cpu - before.cpu, self.database_cpu - before.database_cpu)

    @property
    def per_second(self) -> float:
        return self.chunks / self.cpu if self.cpu else float("nan")

    @property
    def per_second_with_database(self) -> float:
        return self.chunks / (self.cpu + self.database_cpu)


@dataclass(frozen=True)
class Flow:
    """One server's share of a load."""

    steady: Part
    """While all streams flowed."""
    whole: Part
    """From the first start to the last end."""
    delays: list[int]
    """Microseconds from the provider's write to the reader, of each chunk of the steady part."""
    deltas: int
    streams: list[Stream]


async def flow(
    servers: Sequence[Server], load: Load, *, while_steady: Callable[[], None] = lambda: None, model: str = ""
) -> list[Flow]:
    """Put the load on each of the servers, on all at the same time. Raises Broken unless every stream is whole."""
    opened: list[list[Stream]] = [[] for _ in servers]

    def look() -> list[Part]:
        return [
            Part(sum(stream.chunks for stream in streams), server.cpu(), server.database_cpu())
            for server, streams in zip(servers, opened, strict=True)
        ]

    async def come(streams: list[Stream], server: Server, request: bytes) -> None:
        stream, _ = await admitted(server.url, request)
        streams.append(stream)

    start = look()
    with anyio.fail_after(_PATIENCE + load.chunks * load.gap_ms / 1000):
        async with anyio.create_task_group() as tasks:
            for number in range(load.streams):
                for server, streams in zip(servers, opened, strict=True):
                    tasks.start_soon(come, streams, server, server.request(model or load.model, number))
                await anyio.sleep(load.starting_seconds / load.streams)
        everyone = [stream for streams in opened for stream in streams]
        edge = min(_EDGE, load.chunks // 4)
        while min(stream.chunks for stream in everyone) < edge and not any(s.done.done() for s in everyone):
            await anyio.sleep(0.01)
        begin, seen = look(), [[len(stream.delays) for stream in streams] for streams in opened]
        while_steady()
        while max(stream.chunks for stream in everyone) < load.chunks - edge and not all(
            s.done.done() for s in everyone
        ):
            await anyio.sleep(0.01)
        end = look()
        for stream in everyone:
            await stream.done
    finish = look()
    for server, streams in zip(servers, opened, strict=True):
        _check(server, streams, load)
    return [
        Flow(
            end[n] - begin[n],
            finish[n] - start[n],
            [delay for at, stream in zip(seen[n], streams, strict=True) for delay in stream.delays[at:]],
            sum(stream.deltas for stream in streams),
            streams,
        )
        for n, streams in enumerate(opened)
    ]


def _check(server: Server, streams: list[Stream], load: Load) -> None:
    for number, stream in enumerate(streams):
        if not stream.is_whole or stream.chunks != load.chunks:
            raise Broken(
                f"{server.name}: stream {number} has status {stream.status}, end {stream.end!r}, "
                f"{stream.chunks} of {load.chunks} chunks, {stream.gaps} gaps in its ids\n{server.complaints()}"
            )


async def start_cost(servers: Sequence[Server], runs: int) -> list[float]:
    """CPU milliseconds of a run whose answer is one chunk, four at a time on each server."""
    before = [server.cpu() for server in servers]

    async def chat(server: Server, first: int) -> None:
        for number in range(first, runs, 4):
            stream = await open_stream(server.url, server.request("1x0", number))
            await stream.done
            _check(server, [stream], Load(1, 1, 0))

    with anyio.fail_after(_PATIENCE):
        async with anyio.create_task_group() as tasks:
            for server in servers:
                for first in range(4):
                    tasks.start_soon(chat, server, first)
    return [(server.cpu() - own) / runs * 1000 for server, own in zip(servers, before, strict=True)]


async def run_memory(servers: Sequence[Server], streams: int) -> list[float]:
    """Kilobytes of an active run with its reader, of servers that have had few runs so far."""
    before = [server.memory() for server in servers]
    within: list[int] = []

    def look() -> None:
        within.extend(server.memory() for server in servers)

    await flow(servers, Load(streams, 12, 500), while_steady=look)
    return [(now - then) / streams / 1000 for now, then in zip(within, before, strict=True)]


async def reader_memory(server: Server, readers: int) -> float:
    """Kilobytes of a reader of a run that says nothing."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        client.headers["authorization"] = server.bearer(0)
        body = {"messages": [{"role": "user", "content": MESSAGE}], "model": "openai/2x600000"}
        started = await client.post("/api/agents/chat/invoke", json=body, headers={"prefer": "respond-async"})
        run = started.raise_for_status().headers["location"]
        request = get(server.url, f"{run}/events", authorization=server.bearer(0))
        before = server.memory()
        streams = [await open_stream(server.url, request) for _ in range(readers)]
        with anyio.fail_after(_PATIENCE):
            while not all(stream.last_id for stream in streams):
                await anyio.sleep(0.01)
        cost = (server.memory() - before) / readers / 1000
        for stream in streams:
            stream.close()
        (await client.post(f"{run}/cancel", json={})).raise_for_status()
    return cost


def percentile(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else float("nan")
