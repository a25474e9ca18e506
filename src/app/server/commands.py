"""What the command line does besides serving."""

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import anyio

from app.domain.accounts.schemas import Role
from app.domain.accounts.service import AccountService
from app.lib.db.engine import DATABASE_ERRORS, Database
from app.lib.errors import AppError
from app.server import migrations
from app.server.data_folder import make_data_folder, open_to_others, sqlite_file
from app.server.keys import kept_keys, missing_keys, unsound_keys
from app.server.running import check_providers
from app.server.serve import reason
from app.server.settings import Refused, Settings


class Finding(NamedTuple):
    ok: bool
    text: str


def migrate(settings: Settings) -> None:
    make_data_folder(settings)
    anyio.run(_migrate, settings)


def check(settings: Settings) -> list[Finding]:
    """Look, and change nothing. Raises BadSettings."""
    check_providers(settings)
    return [
        Finding(ok=True, text="settings"),
        *_folder(settings.data_dir),
        *anyio.run(_database, settings),
        *_keys(settings),
    ]


def create_user(settings: Settings, options: argparse.Namespace, password: str) -> None:
    anyio.run(_create_user, settings, options, password)


async def _migrate(settings: Settings) -> None:
    db = Database(settings.database)
    try:
        await migrations.upgrade(db)
    except DATABASE_ERRORS as error:
        raise Refused(f"The database cannot be used ({reason(error)}).") from None
    finally:
        await db.close()


async def _create_user(settings: Settings, options: argparse.Namespace, password: str) -> None:
    async with ready_database(settings) as db, db.writing() as db_session:
        accounts = AccountService.open(db_session)
        await accounts.create(options.email, password, role=Role(options.role), name=options.name)


@asynccontextmanager
async def ready_database(settings: Settings) -> AsyncIterator[Database]:
    """The instance's, where it has this version's schema. What goes wrong with it is Refused."""
    file, db = sqlite_file(settings), Database(settings.database)
    try:
        if (file is not None and not file.exists()) or await migrations.pending(db):
            raise Refused("The database is not set up for this version: run `headgate migrate`.")
        yield db
    except AppError as error:
        raise Refused(error.detail) from None
    except DATABASE_ERRORS as error:
        raise Refused(f"The database cannot be used ({reason(error)}).") from None
    finally:
        await db.close()


async def _database(settings: Settings) -> list[Finding]:
    file = sqlite_file(settings)
    if file is not None and not file.exists():
        return [Finding(ok=False, text=f"database: {file} is not there; `headgate migrate` makes it")]
    db = Database(settings.database)
    try:
        behind = await migrations.pending(db)
    except Exception as error:  # noqa: BLE001 - whatever a driver raises is the finding
        return [Finding(ok=False, text=f"database: cannot be used ({reason(error)})")]
    finally:
        await db.close()
    if behind:
        return [Finding(ok=False, text="database: another version's schema; run `headgate migrate`")]
    return [Finding(ok=True, text="database: reachable and up to date")]


def _folder(folder: Path) -> list[Finding]:
    if not folder.is_dir():
        return [Finding(ok=False, text=f"data folder: {folder} is not there; `headgate serve` makes it")]
    return [_private(folder, "data folder")]


def _keys(settings: Settings) -> list[Finding]:
    unsound = [Finding(ok=False, text=f"key: {reason}") for reason in unsound_keys(settings)]
    missing = [Finding(ok=False, text=f"key: {path} is not there") for path in missing_keys(settings)]
    kept = [path for path in kept_keys(settings) if path.exists()]
    return [*unsound, *missing, *(_private(path, "key") for path in kept)]


def _private(path: Path, what: str) -> Finding:
    others = open_to_others(path)
    return Finding(ok=not others, text=f"{what}: {path}" + (" can be read by others" if others else ""))
