"""Databases for tests: real ones, built by the migrations, one a test."""

import functools
import gc
import inspect
import logging
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import asyncpg
import pytest
import structlog

from app.lib.db.engine import Database
from app.lib.runlog.errors import LeaseLost
from app.server import migrations
from tests.databases import Databases
from tests.postgres import PostgresServer, postgres_server

pytest_plugins = ["tests.wires.fixtures", "tests.browser"]

TEMPLATE = "template_headgate"

# A failing test shows what went wrong in the server, not every request that went right.
structlog.configure(
    wrapper_class=structlog.make_filtering_bound_logger("warning"),
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ],
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """uvloop swallows what pytest-timeout raises, so an async test is stopped from inside its event loop.

    Its own timeout is the second line: it ends the process.
    """
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            marker = item.get_closest_marker("timeout")
            limit = float(marker.args[0] if marker and marker.args else config.getini("timeout"))
            item.obj = _bounded(item.obj, limit * 0.75)


def pytest_collection_finish() -> None:
    """What is imported by now stays: Python's collector need not look at it again for each server that starts."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _bounded(test: Callable[..., Awaitable[None]], seconds: float) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def bounded(*arguments: Any, **fixtures: Any) -> None:
        try:
            with anyio.fail_after(seconds):
                await test(*arguments, **fixtures)
        except LeaseLost as lost:  # as what it is, it would end anyio's runner, and the fixtures would hang
            raise AssertionError("the lease is lost") from lost

    return bounded


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command that a test runs in this process sets up logging for all of it."""
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    yield
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**config)


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres") / "data") as server:
        yield server


def _run(function: Callable[..., Awaitable[None]], *arguments: str) -> None:
    """In a thread of its own, since a fixture may be asked for while a test's event loop runs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(anyio.run, function, *arguments).result()


async def _migrate(url: str) -> None:
    db = Database(url)
    await migrations.upgrade(db)
    await db.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """A database built by the migrations, to be copied."""

    async def build() -> None:
        admin = await asyncpg.connect(postgres.url("postgres", "postgresql"))
        await admin.execute(f"CREATE DATABASE {TEMPLATE}")
        await admin.close()
        await _migrate(postgres.url(TEMPLATE))

    _run(build)
    return TEMPLATE


@pytest.fixture(scope="session")
def postgres_databases(postgres: PostgresServer, postgres_template: str) -> Databases:
    return Databases(postgres, postgres_template)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    _run(_migrate, f"sqlite+aiosqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated database of the test's own: the server, a second node and the test all connect to it for real."""
    if request.param == "sqlite":
        path = tmp_path / "headgate.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite+aiosqlite:///{path}"
        return
    databases: Databases = request.getfixturevalue("postgres_databases")
    server: PostgresServer = request.getfixturevalue("postgres")
    name = await databases.take()
    yield server.url(name)
    await databases.leave(name)


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()
