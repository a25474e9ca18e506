"""The whole comparison: which servers run when, and what is measured on them."""

import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from statistics import median

import msgspec
import psutil

from benchmarks import servers
from benchmarks.measures import Broken, Flow, Load, flow, percentile, reader_memory, run_memory, start_cost
from benchmarks.servers import Server
from tests.postgres import postgres_server


class Plan(msgspec.Struct, frozen=True):
    load: Load
    pairs: int
    crowd: Load
    """Streams that must all complete, without gaps."""
    starts: int
    active_runs: int
    """Whose memory is measured."""
    idle_readers: int
    users: int


FULL = Plan(Load(60, 200, 50), 5, Load(200, 200, 50), 120, 200, 500, 60)
QUICK = Plan(Load(60, 80, 50), 2, Load(200, 40, 50), 40, 100, 200, 20)


class Delay(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float


class Pair(msgspec.Struct, frozen=True):
    """Chunks per CPU-second of two servers that were loaded at the same time."""

    headgate: float
    with_database: float
    whole_runs: float
    baseline: float
    baseline_whole_runs: float


class Figures(msgspec.Struct, kw_only=True):
    """What was found with one database."""

    database: str
    pairs: list[Pair]
    chunks_a_delta: float
    delay: Delay
    baseline_delay: Delay
    append_to_write: Delay
    start_ms: float
    baseline_start_ms: float
    crowd: Load
    crowd_delay: Delay
    run_kb: float | None = None
    baseline_run_kb: float | None = None
    reader_kb: float | None = None

    def ratio(self, ours: str = "headgate", theirs: str = "baseline") -> float:
        """The median of the pairs' ratios."""
        return float(median(getattr(pair, ours) / getattr(pair, theirs) for pair in self.pairs))

    def of_pairs(self, name: str) -> float:
        return float(median(getattr(pair, name) for pair in self.pairs))


def prepared(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def compare(plan: Plan, databases: Sequence[str]) -> list[Figures]:
    with tempfile.TemporaryDirectory(prefix="headgate-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        provider = stack.enter_context(servers.provider(folder))
        baseline = stack.enter_context(servers.baseline(folder, provider))
        found = []
        for database in databases:
            print(f"measuring with {database} ...", flush=True)
            found.append(await _with(database, plan, prepared(folder / database), provider, baseline))
        return found


async def _with(database: str, plan: Plan, folder: Path, provider: str, baseline: Server) -> Figures:
    with ExitStack() as stack:
        url, process = "", None
        if database == "postgres":
            postgres = stack.enter_context(postgres_server(folder / "postgres", durable=True))
            url = postgres.url("postgres", "postgresql")
            process = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split()[0]))
        async with _headgate(plan, folder, provider, url, process) as headgate:
            tokens = headgate.tokens
            figures = await _figures(database, plan, headgate, baseline)
        delays = folder / "delays.json"
        with servers.headgate(folder, provider, database_url=url, delays=delays) as traced:
            traced.tokens = tokens
            await flow([traced], plan.load)
        seconds = sorted(msgspec.json.decode(delays.read_bytes(), type=list[float]))
        figures.append_to_write = Delay(percentile(seconds, 0.5) * 1000, percentile(seconds, 0.99) * 1000)
        return figures


@asynccontextmanager
async def _headgate(
    plan: Plan, folder: Path, provider: str, url: str, process: psutil.Process | None
) -> AsyncIterator[Server]:
    with servers.headgate(folder, provider, database_url=url, database=process) as headgate:
        headgate.tokens = await servers.sign_up(headgate.url, plan.users)
        yield headgate


async def _figures(database: str, plan: Plan, headgate: Server, baseline: Server) -> Figures:
    both = [headgate, baseline]
    await flow(both, Load(8, 20, 10))
    embedded = database == "sqlite"
    run_kb, baseline_run_kb = await run_memory(both, plan.active_runs) if embedded else (None, None)
    reader_kb = await reader_memory(headgate, plan.idle_readers) if embedded else None
    flows = [await _together(both, plan.load) for _ in range(plan.pairs)]
    start_ms, baseline_start_ms = await start_cost(both, plan.starts)
    (crowd,) = await flow([headgate], plan.crowd)
    return Figures(
        database=database,
        pairs=[_pair(ours, theirs) for ours, theirs in flows],
        chunks_a_delta=sum(ours.whole.chunks for ours, _ in flows) / sum(ours.deltas for ours, _ in flows),
        delay=_delay([ours for ours, _ in flows]),
        baseline_delay=_delay([theirs for _, theirs in flows]),
        append_to_write=Delay(0, 0),
        start_ms=start_ms,
        baseline_start_ms=baseline_start_ms,
        crowd=plan.crowd,
        crowd_delay=_delay([crowd]),
        run_kb=run_kb,
        baseline_run_kb=baseline_run_kb,
        reader_kb=reader_kb,
    )


async def _together(servers: Sequence[Server], load: Load, tries: int = 3) -> list[Flow]:
    """On a busy machine a stream may end before another has begun: then there is no steady part to compare."""
    for _ in range(tries):
        flows = await flow(servers, load)
        if all(each.steady.chunks for each in flows):
            return flows
    raise Broken("The machine is too busy: the streams flowed together at no time.")


def _pair(ours: Flow, theirs: Flow) -> Pair:
    return Pair(
        headgate=ours.steady.per_second,
        with_database=ours.steady.per_second_with_database,
        whole_runs=ours.whole.per_second,
        baseline=theirs.steady.per_second,
        baseline_whole_runs=theirs.whole.per_second,
    )


def _delay(flows: Sequence[Flow]) -> Delay:
    micros = sorted(delay for each in flows for delay in each.delays)
    return Delay(percentile(micros, 0.5) / 1000, percentile(micros, 0.99) / 1000)
