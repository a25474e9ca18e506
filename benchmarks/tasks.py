"""As many A2A task streams as one process shall have, at an event a second each; beside the SDK's own server."""

import itertools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import msgspec

from benchmarks import servers
from benchmarks.load import Stream, admitted, post
from benchmarks.measures import Broken, percentile
from benchmarks.servers import Server

_COMPLETED = b"TASK_STATE_COMPLETED"


BASELINE_STREAMS = 100
"""The SDK's server needs some 10 ms of CPU for an event: more than this it does not get through."""


class Plan(msgspec.Struct, frozen=True):
    streams: int = 1000
    starting_seconds: float = 60.0
    settling_seconds: float = 5.0
    """So long the last starts are left to themselves."""
    steady_seconds: float = 20.0
    users: int = 20

    @property
    def pace(self) -> str:
        """Chunks of one stream, and milliseconds between them."""
        return f"{int(1.5 * self.starting_seconds + self.settling_seconds + self.steady_seconds)}x1000"


class TaskFigures(msgspec.Struct, frozen=True):
    name: str
    streams: int
    p50: float
    """Milliseconds from where a chunk was made to its reader, while all streams were open."""
    p95: float
    p99: float
    whole: int
    cores: float


class _TaskStream(Stream):
    def _frame(self, frame: bytes, now: int) -> None:
        super()._frame(frame.replace(b'"artifactUpdate"', b"event: message_delta\n"), now)
        self.gaps = 0  # not every event of a run changes its task
        if _COMPLETED in frame:
            self.end = "completed"


async def tasks(plan: Plan) -> list[TaskFigures]:
    """One server after the other: they share no machine with each other."""
    found: list[TaskFigures] = []
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as name:
        folder = Path(name)
        with servers.provider(folder) as provider:
            with servers.headgate(folder, provider, model=f"openai/{plan.pace}") as headgate:
                headgate.tokens = await servers.sign_up(headgate.url, plan.users)
                found.append(await _measure(headgate, plan))
            with servers.a2a_baseline(folder) as baseline:
                few = msgspec.structs.replace(plan, streams=min(plan.streams, BASELINE_STREAMS), starting_seconds=10)
                found.append(await _measure(baseline, few))
    return found


async def _measure(server: Server, plan: Plan) -> TaskFigures:
    streams: list[Stream] = []

    async def come(number: int) -> None:
        stream, _ = await admitted(server.url, _request(server, plan, number), kind=_TaskStream)
        streams.append(stream)
        if stream.status != 200:
            raise Broken(f"{server.name}: a stream was refused with {stream.status}\n{server.complaints()}")

    async with anyio.create_task_group() as group:
        for number in range(plan.streams):
            group.start_soon(come, number)
            await anyio.sleep(plan.starting_seconds / plan.streams)
    await _until(lambda: all(stream.first.done() for stream in streams))
    await anyio.sleep(plan.settling_seconds)
    begin, cpu, seen = anyio.current_time(), server.cpu(), [len(stream.delays) for stream in streams]
    await anyio.sleep(plan.steady_seconds)
    delays = sorted(itertools.chain.from_iterable(s.delays[at:] for s, at in zip(streams, seen, strict=True)))
    cores = (server.cpu() - cpu) / (anyio.current_time() - begin)
    if any(stream.done.done() for stream in streams):
        raise Broken(f"{server.name}: some streams ended before all had been looked at\n{server.complaints()}")
    await _until(lambda: all(stream.done.done() for stream in streams))
    return TaskFigures(
        name=server.name,
        streams=plan.streams,
        p50=percentile(delays, 0.5) / 1000,
        p95=percentile(delays, 0.95) / 1000,
        p99=percentile(delays, 0.99) / 1000,
        whole=sum(stream.end == "completed" for stream in streams),
        cores=cores,
    )


def _request(server: Server, plan: Plan, number: int) -> bytes:
    message: dict[str, Any] = {"messageId": str(uuid4()), "role": "ROLE_USER", "parts": [{"text": plan.pace}]}
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage", "params": {"message": message}}
    headers = {"authorization": server.bearer(number)} if server.tokens else {}
    return post(server.url, "/a2a", body, **{"a2a-version": "1.0", **headers})


async def _until(true: Callable[[], bool]) -> None:
    with anyio.fail_after(300):
        while not true():
            await anyio.sleep(0.1)
