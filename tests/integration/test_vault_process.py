"""The vault as an operator meets it: a sealed start, the keys' commands, the check of the trails."""

import os
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from anyio.to_thread import run_sync
from sqlalchemy import text

from app import cli
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.server.master_keys import MasterKeys
from app.server.settings import Settings, variable
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.vaults import KEY, TestVault, new_key

NEW = {"name": "mine", "provider": "openai", "value": KEY}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, database_url: str) -> None:
    for name in [variable(name, field) for name, field in Settings.model_fields.items()]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("HEADGATE_DATABASE_URL", database_url)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings.model_validate({"data_dir": tmp_path, "database_url": database_url, "jwt_secret": "j" * 40})


def headgate(*arguments: str) -> int:
    return cli.run(arguments, os.environ)  # noqa: TID251 - as the process does


async def test_without_its_key_a_server_does_all_else_and_unseals_when_the_key_comes(
    sign_up: SignUp, anonymous: httpx.AsyncClient, settings: Settings, server: LiveServer
) -> None:
    client = await sign_up()
    sealed = (await anonymous.get("/health/ready")).json()["vault"]
    listed = await client.get("/api/secrets")
    refused = await client.post("/api/secrets", json=NEW)
    MasterKeys(settings).make()
    await server.app.state.node.beat()
    stored = await client.post("/api/secrets", json=NEW)

    assert (sealed, listed.status_code) == ("sealed", 200)
    assert (refused.status_code, refused.json()["code"]) == (503, "vault_sealed")
    assert refused.headers["retry-after"]
    assert stored.status_code == 201
    assert (await anonymous.get("/health/ready")).json()["vault"] == "open"


async def test_a_server_with_another_instances_key_is_sealed(settings: Settings, db: Database) -> None:
    vault = TestVault(db)
    await vault.store(await vault.user())
    other = settings.model_copy(update={"master_key": None, "master_key_file": settings.data_dir / "other"})
    (settings.data_dir / "other").write_text(new_key())
    async with live_server(other) as server, httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/health/ready")).json()["vault"] == "sealed"


@pytest.fixture
async def owner(db: Database, settings: Settings) -> UUID:
    keys = MasterKeys(settings)
    keys.make()
    vault = TestVault(db, ring=keys.ring(), clock=SystemClock())
    owner_id = await vault.user()
    await vault.store(owner_id)
    await vault.key_of(owner_id)
    return owner_id


async def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Of a command in a thread, since it has an event loop of its own."""
    code = await run_sync(headgate, *arguments)
    printed = capsys.readouterr()
    return code, printed.out + printed.err


async def test_the_keys_are_turned_over_from_the_command_line_and_none_is_told(
    owner: UUID, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = MasterKeys(settings)
    old = keys.load()[0].id
    code, told = await said(capsys, "keys", "rotate")
    new = keys.load()[0].id
    _, shown = await said(capsys, "keys", "status")

    assert code == 0
    assert new in told
    assert f"Retired {old}." in told
    assert shown == f"{old}  retired, wraps 0\n{new}  here, newest, wraps 2\n"
    assert keys.path is not None
    assert keys.path.read_text().strip() not in told + shown
    assert keys.path.stat().st_mode & 0o777 == 0o600


async def test_the_trails_are_checked_from_the_command_line(
    owner: UUID, db: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    sound = await said(capsys, "audit", "verify")
    async with db.writing() as db_session:
        email = await db_session.scalar(text("SELECT email FROM user_account"))
    one = await said(capsys, "audit", "verify", "--owner", str(email))
    async with db.writing() as db_session:
        await db_session.execute(text("UPDATE secret_audit_head SET count = 1"))
    broken = await said(capsys, "audit", "verify", "--owner", str(owner))
    nobody = await said(capsys, "audit", "verify", "--owner", "nobody@example.com")

    assert sound == one == (0, f"ok    {owner}: 2 rows\n")
    assert broken == (1, f"FAIL  {owner}: head, at row 0\n")
    assert nobody == (1, "headgate: There is no such user.\n")


async def test_a_ring_in_a_variable_is_not_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_MASTER_KEY", new_key())
    code, told = await said(capsys, "keys", "rotate")

    assert code == 1
    assert told == "headgate: HEADGATE_MASTER_KEY holds the master key: change it there, the newest key last.\n"
