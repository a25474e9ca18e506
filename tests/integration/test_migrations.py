"""The schema goes up, down and up, and is what the models say."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from app.lib.db.base import metadata
from app.lib.db.engine import Database
from app.server import migrations


async def test_down_and_up_again(db: Database) -> None:
    await migrations.downgrade(db)
    async with db.engine.connect() as connection:
        left = await connection.run_sync(lambda c: inspect(c).get_table_names())
    await migrations.upgrade(db)

    assert left == ["alembic_version"]
    assert not await migrations.pending(db)


async def test_the_migrations_build_what_the_models_say(db: Database) -> None:
    def difference(connection: Connection) -> list[object]:
        # SQLite has no types to speak of: it reads a UUID's column back as a number.
        types = connection.dialect.name != "sqlite"
        return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": types}), metadata))

    async with db.engine.connect() as connection:
        found = await connection.run_sync(difference)

    assert found == []
