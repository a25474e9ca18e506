"""The processes: provider, baseline, Headgate, PostgreSQL; and what they use."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
import psutil

from benchmarks.load import post
from tests.postgres import free_port

PASSWORD = "correct horse battery staple"  # noqa: S105 - of nobody
MESSAGE = "Go on."
_START_SECONDS = 120
_UNLIMITED = "1000000"


@dataclass
class Server:
    """A process under test, and how a stream is asked of it."""

    name: str
    url: str
    process: psutil.Process
    log: Path
    database: psutil.Process | None = None
    """The database server's first process, where there is one."""
    tokens: Sequence[str] = field(default_factory=list)
    """Access tokens; each stream takes the next user's. None: it knows no users."""

    def request(self, model: str, number: int) -> bytes:
        if not self.tokens:
            return post(self.url, "/chat", {"message": MESSAGE, "model": model})
        body = {"messages": [{"role": "user", "content": MESSAGE}], "model": f"openai/{model}"}
        return post(self.url, "/api/agents/chat/invoke", body, authorization=self.bearer(number))

    def bearer(self, number: int) -> str:
        return f"Bearer {self.tokens[number % len(self.tokens)]}"

    def cpu(self) -> float:
        """Seconds of user and system time, of all its threads and children."""
        return cpu_of(self.process)

    def database_cpu(self) -> float:
        return cpu_of(self.database) if self.database is not None else 0.0

    def memory(self) -> int:
        return int(self.process.memory_info().rss)

    def complaints(self) -> str:
        """The last of what it logged beyond plain news."""
        lines = [line for line in self.log.read_text(errors="replace").splitlines() if '"level": "info"' not in line]
        return "\n".join(line[:2000] for line in lines[-3:])


def cpu_of(process: psutil.Process) -> float:
    own = process.cpu_times()
    total = own.user + own.system + own.children_user + own.children_system
    for child in process.children(recursive=True):
        try:
            times = child.cpu_times()
        except psutil.NoSuchProcess:
            continue  # its time is its parent's now
        total += times.user + times.system
    return float(total)


@contextmanager
def _process(log: Path, *command: str, **variables: str) -> Iterator[psutil.Process]:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(["src", "."]), **variables}
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", *command], cwd=Path(__file__).parent.parent, env=environment, stdout=output,
            stderr=output,
        )  # fmt: skip
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await_url(url: str, process: psutil.Process, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"{url} does not answer:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def provider(folder: Path) -> Iterator[str]:
    """The base URL of a provider in a process of its own."""
    port, log = free_port(), folder / "provider.log"
    with _process(log, "benchmarks.provider", "--port", str(port)):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def baseline(folder: Path, provider_url: str) -> Iterator[Server]:
    port, log = free_port(), folder / "baseline.log"
    url = f"http://127.0.0.1:{port}"
    with _process(log, "benchmarks.baseline", "--port", str(port), "--provider", provider_url) as process:
        _await_url(f"{url}/docs", process, log)
        yield Server("baseline", url, process, log)


@contextmanager
def a2a_baseline(folder: Path) -> Iterator[Server]:
    port, log = free_port(), folder / "a2a_baseline.log"
    url = f"http://127.0.0.1:{port}"
    with _process(log, "benchmarks.a2a_baseline", "--port", str(port)) as process:
        _await_url(f"{url}/.well-known/agent-card.json", process, log)
        yield Server("A2A SDK, in memory", url, process, log)


@contextmanager
def headgate(
    folder: Path,
    provider_url: str,
    *,
    database_url: str = "",
    database: psutil.Process | None = None,
    delays: Path | None = None,
    model: str = "",
) -> Iterator[Server]:
    """`headgate serve` with nothing turned off and limits that the benchmark does not reach.

    With `delays` it notes there how long events take from the log to the socket, which makes it a little slower.
    """
    port, log = free_port(), folder / "headgate.log"
    url = f"http://127.0.0.1:{port}"
    limits = ("RATE_LIMIT_PER_MINUTE", "MONTHLY_REQUESTS", "MAX_CONCURRENT_RUNS", "MAX_ACTIVE_RUNS", "MAX_READERS")
    command = ("app", "serve") if delays is None else ("benchmarks.traced", str(delays))
    variables = {
        "HEADGATE_DATA_DIR": str(folder / "data"),
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_PORT": str(port),
        "HEADGATE_DEFAULT_MODEL": model,
        "OPENAI_BASE_URL": provider_url,
        "OPENAI_API_KEY": "sk-benchmark",
        **{f"HEADGATE_{name}": _UNLIMITED for name in limits},
    }
    with _process(log, *command, **variables) as process:
        _await_url(f"{url}/health/ready", process, log)
        yield Server("Headgate", url, process, log, database)


async def sign_up(url: str, count: int) -> list[str]:
    """Access tokens of so many new users."""
    tokens: list[str] = []
    limiter = anyio.CapacityLimiter(4)

    async def come(client: httpx.AsyncClient, number: int) -> None:
        account = {"email": f"user-{time.monotonic_ns()}-{number}@example.com", "password": PASSWORD, "name": "Bench"}
        async with limiter:
            (await client.post("/api/access/signup", json=account)).raise_for_status()
            login = await client.post("/api/access/login", json=account)
            tokens.append(login.raise_for_status().json()["access_token"])

    async with httpx.AsyncClient(base_url=url, timeout=60) as client, anyio.create_task_group() as tasks:
        for number in range(count):
            tasks.start_soon(come, client, number)
    return tokens
