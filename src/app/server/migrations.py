"""The schema's versions, run from the code that knows where they lie."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

import app
from app.lib.db.engine import Database
from app.server import tables as _tables  # noqa: F401 - fills the metadata

_PACKAGE = Path(app.__file__).parent
_LOCK = 4_801_417_365
"""PostgreSQL advisory lock: several nodes that start at once migrate one after the other."""


def scripts() -> Path:
    """In an installed package beside the code, in a checkout in `db/`."""
    packaged = _PACKAGE / "migrations"
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / "db" / "migrations"


async def upgrade(db: Database, revision: str = "head") -> None:
    await _run(db, lambda config: command.upgrade(config, revision))


async def downgrade(db: Database, revision: str = "base") -> None:
    await _run(db, lambda config: command.downgrade(config, revision))


async def pending(db: Database) -> bool:
    """Whether the database is behind the code."""
    head = ScriptDirectory(str(scripts())).get_current_head()
    async with db.engine.connect() as connection:
        current = await connection.run_sync(lambda c: MigrationContext.configure(c).get_current_revision())
    return current != head


async def _run(db: Database, action: Callable[[Config], None]) -> None:
    def migrate(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
        config.attributes["connection"] = connection
        if not db.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        action(config)

    async with db.engine.begin() as connection:
        await connection.run_sync(migrate)
