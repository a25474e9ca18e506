"""One database URL for every connection: those of the pool, and the one that the run log is written on."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import anyio
import asyncpg
import httpx
import pytest
from sqlalchemy import text

from app.lib.db.engine import Database
from app.lib.runlog.postgres import PostgresLogStore
from app.server.settings import Settings
from tests.integration.conftest import live_server
from tests.postgres import PostgresServer

PLAN = "SELECT bool_or(setting = 'on') FROM pg_settings WHERE name IN ('enable_hashjoin', 'enable_seqscan', 'jit')"
SEEN = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1"


@pytest.fixture
async def plain(postgres: PostgresServer, postgres_template: str) -> AsyncIterator[str]:
    """The URL of a migrated database, as an operator writes it."""
    name = f"test_{uuid4().hex}"
    admin = await asyncpg.connect(postgres.url("postgres", "postgresql"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    yield postgres.url(name, "postgresql")
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


def settings_for(url: str, folder: Path) -> Settings:
    return Settings.model_validate({"data_dir": folder, "database_url": url, "jwt_secret": "test-secret-" + "x" * 32})


async def the_two(db: Database) -> tuple[str, str]:
    """The names under which the pool's connection and the log's are known to the server, after both were used."""
    store = PostgresLogStore(db, lease_seconds=15)
    await store.open()
    ask = "SELECT current_setting('application_name')"
    async with db.reading() as db_session:
        pooled: str = (await db_session.execute(text(ask))).scalar_one()
    assert store._connection is not None
    of_log: str = await store._connection.fetchval(ask)
    await store.close()
    await db.close()
    return pooled, of_log


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ("", "headgate"),
        ("?application_name=x", "x"),
        ("?sslmode=disable", "headgate"),
        ("?ssl=disable", "headgate"),
        ("?sslmode=prefer&connect_timeout=5&application_name=a%20b", "a b"),
        ("?options=-c%20search_path%3Dpublic&target_session_attrs=any", "headgate"),
    ],
)
async def test_an_option_reaches_every_connection(plain: str, options: str, name: str) -> None:
    assert await the_two(Database(plain + options)) == (name, name)


async def test_host_and_user_may_be_options_too(plain: str, postgres: PostgresServer) -> None:
    database = plain.rpartition("/")[2]

    names = await the_two(Database(f"postgresql:///{database}?host=127.0.0.1&port={postgres.port}&user=postgres"))

    assert names == ("headgate", "headgate")


async def test_a_server_shows_both_connections_under_the_name_given(plain: str, tmp_path: Path) -> None:
    name = uuid4().hex
    settings = settings_for(f"{plain}?application_name={name}&sslmode=disable", tmp_path)

    async with live_server(settings) as server:
        async with httpx.AsyncClient(base_url=server.url) as client:
            ready = await client.get("/health/ready")
        watcher = await asyncpg.connect(plain)
        seen = await watcher.fetchval(SEEN, name)
        await watcher.close()

    assert ready.status_code == 200
    assert seen >= 2


async def test_the_plan_is_set_after_connecting_and_again_on_the_next_connection(plain: str) -> None:
    db = Database(plain)
    store = PostgresLogStore(db, lease_seconds=15)
    found = []
    for _ in range(2):
        await store.open()
        assert store._connection is not None
        found.append(await store._connection.fetchval(PLAN))
        await store.reset()
    await db.close()

    assert found == [False, False]


async def test_a_server_whose_log_cannot_be_opened_is_not_ready_until_it_can(plain: str, tmp_path: Path) -> None:
    admin = await asyncpg.connect(plain)
    await admin.execute("ALTER TABLE run_log RENAME TO elsewhere")

    async with live_server(settings_for(plain, tmp_path)) as server, httpx.AsyncClient(base_url=server.url) as client:
        refused = await client.get("/health/ready")
        await admin.execute("ALTER TABLE elsewhere RENAME TO run_log")
        with anyio.fail_after(10):
            while (await client.get("/health/ready")).status_code != 200:  # noqa: ASYNC110 - as a balancer does
                await anyio.sleep(0.02)
    await admin.close()

    assert refused.status_code == 503
    assert refused.json()["code"] == "not_ready"
    assert refused.json()["detail"] == "The run log cannot be written."
