"""The command line: what it makes, what it says, its exit codes."""

import io
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import anyio
import pytest
from sqlalchemy import text

from app import cli
from app.lib.crypto.ring import MasterKey
from app.lib.db.engine import Database
from app.server import keys
from app.server.data_folder import make_data_folder, only_server
from app.server.master_keys import MasterKeys
from app.server.settings import Refused, Settings, variable
from tests.postgres import PostgresServer

PASSWORD = "correct horse battery staple"
Headgate = Callable[..., int]


@pytest.fixture
def headgate(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Headgate:
    for name in [variable(name, field) for name, field in Settings.model_fields.items()]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HEADGATE_DATA_DIR", str(tmp_path / "data"))

    def run(*arguments: str, typed: str = "") -> int:
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        return cli.run(arguments, os.environ)

    return run


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_check_fails_before_the_first_start_and_changes_nothing(
    headgate: Headgate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = headgate("check")

    assert code == 1
    assert "headgate migrate" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_bad_setting_is_one_line_and_exit_code_2(
    headgate: Headgate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_PROT", "9000")

    code = headgate("serve")

    assert code == 2
    assert capsys.readouterr().err == "headgate: HEADGATE_PROT is not a setting. Did you mean HEADGATE_PORT?\n"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HEADGATE_DEFAULT_MODEL", "gpt-5", "must be provider/model"),
        ("HEADGATE_DEFAULT_MODEL", "openai/", "must be provider/model"),
        ("HEADGATE_DEFAULT_MODEL", "opneai/gpt-5", "must be provider/model"),
        ("HEADGATE_LEND_PROVIDERS", "openai, opneai", "'opneai' is not one of openai"),
        ("OPENAI_API_KEY", "sk-hunter2 hunter2", "The key is empty or holds characters that no key has."),
        ("ANTHROPIC_API_KEY", "sk-hunter2 hunter2", "The key is empty or holds characters that no key has."),
        ("AWS_BEARER_TOKEN_BEDROCK", "hunter2 hunter2", "The key is empty or holds characters that no key has."),
    ],
)
@pytest.mark.parametrize("command", ["serve", "check"])
def test_a_provider_that_is_none_is_one_line_and_exit_code_2(
    headgate: Headgate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    command: str,
    name: str,
    value: str,
    said: str,
) -> None:
    monkeypatch.setenv(name, value)

    assert headgate(command) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"headgate: {name}: {said}")
    assert printed.count("\n") == 1
    assert "hunter2" not in printed
    assert list(tmp_path.iterdir()) == []


def test_the_version_is_said(headgate: Headgate, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        headgate("--version")

    assert end.value.code == 0
    assert capsys.readouterr().out == f"headgate {version('headgate')}\n"


@pytest.mark.parametrize(
    ("file", "said"),
    [
        (b"HEADGATE_PORT=9000\n\n\nHEADGATE HOST=x\n", ".env, line 4: not of the form NAME=value."),
        (b"HEADGATE_PORT\n", ".env, line 1: not of the form NAME=value."),
        (b'A=1\nOPENAI_API_KEY="hunter2\nB=2\n', ".env, line 2: not of the form NAME=value."),
        (b"OPENAI_API_KEY=\xff\n", ".env is not text in UTF-8."),
    ],
)
def test_a_broken_env_file_is_one_line_that_says_where(tmp_path: Path, file: bytes, said: str) -> None:
    (tmp_path / ".env").write_bytes(file)

    ended = subprocess.run(
        [sys.executable, "-m", "app", "check"],
        cwd=tmp_path,
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=25,
    )

    assert ended.returncode == 2
    assert ended.stderr == f"headgate: {said}\n"


def test_a_data_folder_that_others_can_read_is_told_and_left_as_it_is(
    headgate: Headgate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o755)
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "postgresql://127.0.0.1:1/nothing")  # so that the start ends

    assert headgate("serve") == 1
    told, ended = capsys.readouterr().err.splitlines()
    assert told == f"headgate: The data folder {tmp_path / 'data'} holds keys and others can read it: chmod 700 it."
    assert "The database cannot be used" in ended
    assert mode(tmp_path / "data") == 0o755


def test_migrate_then_keys_then_check_is_well(
    headgate: Headgate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    assert headgate("migrate") == 0
    assert headgate("check") == 1, "there are no keys yet"
    anyio.run(_with_keys, settings)
    capsys.readouterr()

    assert headgate("check") == 0
    assert "FAIL" not in capsys.readouterr().out


def test_check_finds_a_key_that_others_can_read(
    headgate: Headgate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headgate("migrate")
    anyio.run(_with_keys, Settings(data_dir=tmp_path / "data"))
    (tmp_path / "data" / "master.key").chmod(0o644)

    assert headgate("check") == 1
    assert "can be read by others" in capsys.readouterr().out


def test_an_administrator_is_made_with_a_password_from_standard_input(
    headgate: Headgate, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    headgate("migrate")

    code = headgate("users", "create", "--email", "Root@Example.com", "--admin", typed=PASSWORD + "\n")

    assert code == 0
    printed = capsys.readouterr()
    assert PASSWORD not in printed.out + printed.err
    assert anyio.run(_users, tmp_path / "data") == [("root@example.com", "admin")]


@pytest.mark.parametrize(
    ("email", "typed", "code", "said"),
    [
        ("a@example.com", "", 2, "A password is needed"),
        ("a@example.com", "short\n", 1, "password"),
        ("not an address", PASSWORD, 1, "address"),
    ],
)
def test_a_user_that_cannot_be_made_is_one_line(
    headgate: Headgate, capsys: pytest.CaptureFixture[str], email: str, typed: str, code: int, said: str
) -> None:
    headgate("migrate")
    capsys.readouterr()

    assert headgate("users", "create", "--email", email, typed=typed) == code
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_user_needs_a_database(headgate: Headgate, capsys: pytest.CaptureFixture[str]) -> None:
    assert headgate("users", "create", "--email", "a@example.com", typed=PASSWORD) == 1
    assert "headgate migrate" in capsys.readouterr().err


def test_a_database_that_is_away_is_one_line_without_its_password(
    headgate: Headgate, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", "postgresql://postgres:hunter2@127.0.0.1:1/nothing")

    assert headgate("migrate") == 1
    assert headgate("check") == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert "hunter2" not in printed.out + printed.err


@pytest.mark.parametrize("option", ["sslmode=require", "ssl=require"])
def test_tls_that_the_database_does_not_have_is_one_line_at_once(
    headgate: Headgate,
    postgres: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    option: str,
) -> None:
    url = f"postgresql://postgres:hunter2@127.0.0.1:{postgres.port}/postgres?{option}"
    monkeypatch.setenv("HEADGATE_DATABASE_URL", url)

    codes = [headgate(command) for command in ("check", "migrate", "serve")]

    printed = capsys.readouterr()
    assert codes == [1, 1, 1]
    assert printed.err.count("\n") == 2
    assert printed.err.count("rejected SSL upgrade") == 2
    assert "database: cannot be used" in printed.out
    assert "hunter2" not in printed.out + printed.err


def test_a_database_that_refuses_us_is_one_line(
    headgate: Headgate, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADGATE_DATABASE_URL", postgres.url("not_there", "postgresql"))

    assert headgate("migrate") == 1
    assert capsys.readouterr().err == ('headgate: The database cannot be used (database "not_there" does not exist).\n')


async def _with_keys(
    settings: Settings, *, sealed: bool = False, warn: Callable[[str], None] = lambda _: None
) -> Settings:
    async def answer(_: Database) -> bool:
        return sealed

    make_data_folder(settings)
    db = Database(settings.database)
    try:
        return await keys.with_keys(settings, db, warn=warn, sealed=answer)
    finally:
        await db.close()


async def _users(folder: Path) -> list[tuple[str, str]]:
    db = Database(f"sqlite+aiosqlite:///{folder / 'headgate.db'}")
    async with db.reading() as db_session:
        rows = (await db_session.execute(text("SELECT email, role FROM user_account"))).all()
    await db.close()
    return [(row.email, row.role) for row in rows]


async def test_keys_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")

    first, first_ring = await _with_keys(settings), MasterKeys(settings).ring()
    second, second_ring = await _with_keys(settings), MasterKeys(settings).ring()

    assert first.jwt_secret == second.jwt_secret
    assert first_ring.ids == second_ring.ids
    assert len(first_ring.ids) == 1
    assert mode(tmp_path / "data") == 0o700
    assert {path.name: mode(path) for path in (tmp_path / "data").iterdir() if path.suffix != ".db"} == {
        "master.key": 0o600,
        "jwt.secret": 0o600,
    }


def test_two_first_starts_at_once_agree_on_one_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with ThreadPoolExecutor(16) as threads:
        found = {each.jwt_secret for each in threads.map(lambda _: anyio.run(_with_keys, settings), range(32))}

    assert len(found) == 1
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


async def test_no_new_master_key_is_made_beside_sealed_secrets_and_the_vault_stays_sealed(tmp_path: Path) -> None:
    settings, warnings = Settings(data_dir=tmp_path), list[str]()

    await _with_keys(settings, sealed=True, warn=warnings.append)

    assert not (tmp_path / "master.key").exists()
    assert MasterKeys(settings).ring().is_sealed
    assert warnings == [
        f"{tmp_path / 'master.key'} cannot be read (No such file or directory): the vault is sealed until it can."
    ]


async def test_a_passphrase_makes_the_same_key_at_every_start(tmp_path: Path) -> None:
    file = tmp_path / "words"
    file.write_text("passphrase: sixteen tons and what do you get\n")
    settings = Settings(data_dir=tmp_path / "data", master_key_file=file)
    await _with_keys(settings)
    first = MasterKeys(settings).ring().ids
    await _with_keys(settings)

    assert first == MasterKeys(settings).ring().ids
    assert len(first) == 1
    assert (tmp_path / "data" / "master.salt").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["", "short", "ä", "A" * 44, "not base64 " * 4])
async def test_a_master_key_that_is_none_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    (tmp_path / "master.key").write_text(text)

    with pytest.raises(Refused) as refusal:
        await _with_keys(Settings(data_dir=tmp_path))

    assert "master.key" in str(refusal.value)
    assert not text or text not in str(refusal.value)


async def test_keys_given_by_the_operator_are_used_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "mounted"
    file.write_text("A" * 43 + "=\n")
    settings = Settings.model_validate({"data_dir": tmp_path / "data", "master_key_file": file, "jwt_secret": "j" * 32})

    await _with_keys(settings)

    assert MasterKeys(settings).ring().ids == (MasterKey(bytes(32)).id,)
    assert not [path for path in (tmp_path / "data").iterdir() if path.suffix != ".db"]


def test_one_server_at_a_time_uses_an_sqlite_database(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)

    with only_server(settings), pytest.raises(Refused, match="Another Headgate server"), only_server(settings):
        pass

    with only_server(settings):
        pass


def test_a_data_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Refused, match="cannot be made"):
        make_data_folder(Settings(data_dir=tmp_path / "file" / "data"))
