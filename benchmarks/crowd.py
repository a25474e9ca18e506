"""As many active runs as one process may have, each at the pace of a model: what the last of their readers sees."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec

from benchmarks import servers
from benchmarks.load import Stream, admitted
from benchmarks.measures import Broken, Load, flow, percentile
from benchmarks.servers import Server

_LOOK_SECONDS = 0.1


class Plan(msgspec.Struct, frozen=True):
    runs: int = 1000
    a_second: int = 5
    """Chunks of each run."""
    starting_seconds: float = 60.0
    steady_seconds: float = 20.0
    """So long it is looked at, once all have begun."""
    users: int = 20

    @property
    def gap_ms(self) -> int:
        return 1000 // self.a_second

    @property
    def chunks(self) -> int:
        """Those of one run: enough that the first still goes on when the last has long begun."""
        return int((1.5 * self.starting_seconds + self.steady_seconds) * self.a_second)


class Crowd(msgspec.Struct, frozen=True):
    """What was found."""

    runs: int
    a_second: int
    p50: float
    """Milliseconds from the provider's byte to the reader's, while all runs were active."""
    p99: float
    run_kb: float
    """Memory of an active run with its reader."""
    whole: int
    """Runs that ended as they have to, with every chunk and no gap in their ids."""
    refused: int
    """Starts that were told to come back later, and did."""
    steady_seconds: float
    chunks_a_second: float
    """Of all runs together."""
    chunks_a_delta: float
    cores: float
    """That the server kept busy meanwhile."""


async def crowd(plan: Plan) -> Crowd:
    """With SQLite, on a server that has done nothing before but to warm up."""
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as name:
        folder = Path(name)
        with servers.provider(folder) as provider, servers.headgate(folder, provider) as headgate:
            headgate.tokens = await servers.sign_up(headgate.url, plan.users)
            await flow([headgate], Load(8, 20, 10))
            return await _measure(headgate, plan)


async def _measure(server: Server, plan: Plan) -> Crowd:
    streams: list[Stream] = []
    refused = 0

    async def come(number: int) -> None:
        nonlocal refused
        stream, times = await admitted(server.url, server.request(f"{plan.chunks}x{plan.gap_ms}", number))
        streams.append(stream)
        refused += times

    memory = server.memory()
    async with anyio.create_task_group() as tasks:
        for number in range(plan.runs):
            tasks.start_soon(come, number)
            await anyio.sleep(plan.starting_seconds / plan.runs)
    await _until(lambda: all(stream.first.done() for stream in streams))
    begin, cpu, seen = anyio.current_time(), server.cpu(), [len(stream.delays) for stream in streams]
    deltas = sum(stream.deltas for stream in streams)
    if any(stream.done.done() for stream in streams):
        raise Broken(f"{server.name}: some runs ended before the last had begun\n{server.complaints()}")
    await _until(lambda: any(s.done.done() for s in streams) or anyio.current_time() > begin + plan.steady_seconds)
    kilobytes = (server.memory() - memory) / plan.runs / 1000
    seconds, cpu = anyio.current_time() - begin, server.cpu() - cpu
    delays = sorted(itertools.chain.from_iterable(s.delays[at:] for s, at in zip(streams, seen, strict=True)))
    deltas = sum(stream.deltas for stream in streams) - deltas
    with anyio.move_on_after(plan.chunks / plan.a_second + 60):
        for stream in streams:
            await stream.done
    return Crowd(
        runs=plan.runs,
        a_second=plan.a_second,
        p50=percentile(delays, 0.5) / 1000,
        p99=percentile(delays, 0.99) / 1000,
        run_kb=kilobytes,
        whole=sum(stream.is_whole and stream.chunks == plan.chunks for stream in streams),
        refused=refused,
        steady_seconds=seconds,
        chunks_a_second=len(delays) / seconds,
        chunks_a_delta=len(delays) / deltas if deltas else float("nan"),
        cores=cpu / seconds,
    )


async def _until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(300):
        while not true():
            await anyio.sleep(_LOOK_SECONDS)
