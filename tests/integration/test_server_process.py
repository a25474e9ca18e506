"""The process as an operator meets it: first start, signals, a second start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import anyio
import asyncpg
import httpx
import pytest

from tests.postgres import PostgresServer

pytestmark = pytest.mark.timeout(90)


@contextmanager
def headgate(folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    environment = {"PATH": os.defpath, "HEADGATE_PORT": "0", "HEADGATE_LOG_LEVEL": "WARNING", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().rstrip("\n")


def address(process: subprocess.Popen[str]) -> str:
    return line(process.stdout).removeprefix("Headgate serves ")


def test_the_first_start_makes_everything_says_where_and_stops_when_told(tmp_path: Path) -> None:
    with headgate(tmp_path) as process:
        url = address(process)
        where = line(process.stdout)
        ready = httpx.get(f"{url}/health/ready")
        seen = b""
        with httpx.Client(base_url=url, headers=sign_in(url)) as client, ask(client, "What time is it?") as stream:
            for data in stream.iter_raw():
                if not seen:
                    process.send_signal(signal.SIGTERM)  # with a stream in mid-flow
                    told = time.monotonic()
                seen += data
            out, err = process.communicate(timeout=30)

    assert time.monotonic() - told < 5
    assert process.returncode == 0
    assert seen.startswith(b"id: 1\nevent: session_initialized\n")
    assert seen.endswith(b"\n\n")
    assert urlsplit(url).hostname == "127.0.0.1"
    assert where == f"Its data is in {tmp_path / 'data'} (SQLite)"
    assert ready.status_code == 200
    assert (out, err) == ("", "")
    names = {path.name for path in (tmp_path / "data").iterdir()}
    assert {"headgate.db", "master.key", "jwt.secret"} <= names
    assert {path.stat().st_mode & 0o077 for path in (tmp_path / "data").iterdir()} == {0}


def sign_in(url: str) -> dict[str, str]:
    account = {"email": "a@example.com", "password": "correct horse battery staple"}
    httpx.post(f"{url}/api/access/signup", json=account).raise_for_status()
    token = httpx.post(f"{url}/api/access/login", json=account).raise_for_status().json()["access_token"]
    return {"authorization": f"Bearer {token}"}


def ask(client: httpx.Client, what: str) -> AbstractContextManager[httpx.Response]:
    messages = [{"role": "user", "content": what}]
    return client.stream("POST", "/api/todos/agent-create/stream", json={"messages": messages})


@pytest.mark.soak
def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with headgate(tmp_path) as first:
        address(first)
        with headgate(tmp_path) as second:
            _, err = second.communicate(timeout=60)

    assert second.returncode == 1
    assert err.startswith("headgate: Another Headgate server is using ")
    assert err.count("\n") == 1


@pytest.mark.soak
def test_several_workers_share_a_port_and_a_postgresql(
    tmp_path: Path, postgres: PostgresServer, postgres_template: str
) -> None:
    name = f"workers_{os.getpid()}"
    _create_database(postgres, name, postgres_template)
    url = postgres.url(name, "postgresql")

    with headgate(tmp_path, HEADGATE_WORKERS="2", HEADGATE_DATABASE_URL=url) as process:
        at = address(process)
        ready = httpx.get(f"{at}/health/ready", timeout=60)
        process.send_signal(signal.SIGTERM)
        told = time.monotonic()
        process.wait(30)

    assert ready.status_code == 200
    assert process.returncode == 0
    assert time.monotonic() - told < 7


def _create_database(postgres: PostgresServer, name: str, template: str) -> None:
    async def create() -> None:
        admin = await asyncpg.connect(postgres.url("postgres", "postgresql"))
        await admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        await admin.close()

    anyio.run(create)


def test_help_is_quick_since_it_imports_nothing_heavy() -> None:
    code = "import sys, app.cli; app.cli._parser().format_help(); sys.exit('litestar' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
