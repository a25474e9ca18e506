"""What tests get for a new PostgreSQL database is as good as one."""

import asyncpg

from tests.databases import Databases
from tests.postgres import PostgresServer


async def test_what_a_test_leaves_is_as_new(postgres: PostgresServer, postgres_databases: Databases) -> None:
    name = await postgres_databases.take()
    connection = await asyncpg.connect(postgres.url(name, "postgresql"))
    await connection.execute("INSERT INTO vault_key (id, seen_at) VALUES ('one', now())")
    await connection.close()
    await postgres_databases.leave(name)
    again = await postgres_databases.take()
    connection = await asyncpg.connect(postgres.url(again, "postgresql"))
    left = await connection.fetchval("SELECT count(*) FROM vault_key")
    await connection.close()
    await postgres_databases.leave(again)

    assert (again, left) == (name, 0)


async def test_a_changed_schema_and_a_guest_that_stays_go_with_the_database(
    postgres: PostgresServer, postgres_databases: Databases
) -> None:
    changed = await postgres_databases.take()
    connection = await asyncpg.connect(postgres.url(changed, "postgresql"))
    await connection.execute("ALTER TABLE secret_audit DISABLE TRIGGER USER")
    await connection.close()
    await postgres_databases.leave(changed)
    visited = await postgres_databases.take()
    connection = await asyncpg.connect(postgres.url(visited, "postgresql"))
    await postgres_databases.leave(visited)
    new = await postgres_databases.take()
    await postgres_databases.leave(new)

    assert len({changed, visited, new}) == 3
    connection.terminate()
