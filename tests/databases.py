"""PostgreSQL databases for tests, each as if it were new.

A copy of the template costs 0.3 s of CPU, most of it the system's, which makes hundreds of files. So a test gets what
another has left, emptied: no rows, no connections, and every sequence at its start.
"""

from uuid import uuid4

import asyncpg
import pytest

from tests.postgres import PostgresServer

unstored = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""For tests of what stores nothing, or nothing that tests of storage do not: one database is enough."""

MAX_BYTES = 4_000_000
"""One that has grown larger is not kept: nobody vacuums."""

_SCHEMA = """
SELECT md5(string_agg(part, ';' ORDER BY part)) FROM (
    SELECT concat_ws(' ', attrelid::regclass, attname, attnum, atttypid, attnotnull, atthasdef) AS part
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, contype, convalidated) FROM pg_constraint
    UNION ALL SELECT concat_ws(' ', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger
    UNION ALL SELECT concat_ws(' ', proname, prosrc) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
) AS parts
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = """
SELECT sum(pg_relation_size(oid)) AS bytes, string_agg(format('DELETE FROM %I', relname), '; ') AS deletions
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'
"""
_RESTART = "SELECT setval(seqrelid, seqstart, false) FROM pg_sequence"


class Databases:
    def __init__(self, server: PostgresServer, template: str) -> None:
        self._server = server
        self._template = template
        self._schema: str | None = None
        self._left: list[str] = []

    async def take(self) -> str:
        """The name of an empty one."""
        if self._left:
            return self._left.pop()
        name = f"test_{uuid4().hex}"
        await self._order(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        if self._schema is None:
            connection = await self._connect(name)
            self._schema = await connection.fetchval(_SCHEMA)
            await connection.close()
        return name

    async def leave(self, name: str) -> None:
        """Empty it for the next test, or drop it: where the schema is another now, or somebody is still connected."""
        connection = await self._connect(name)
        tables = await connection.fetchrow(_TABLES)
        kept = (
            await connection.fetchval(_OTHERS) == 0
            and tables["bytes"] <= MAX_BYTES
            and await connection.fetchval(_SCHEMA) == self._schema
        )
        if kept:
            # No trigger fires, neither those of the foreign keys nor those that keep rows from being deleted.
            await connection.execute(f"SET session_replication_role = replica; {tables['deletions']}")
            await connection.execute(_RESTART)
        await connection.close()
        if kept:
            self._left.append(name)
        else:
            await self._order(f"DROP DATABASE {name} WITH (FORCE)")

    async def _order(self, statement: str) -> None:
        admin = await self._connect("postgres")
        await admin.execute(statement)
        await admin.close()

    async def _connect(self, name: str) -> asyncpg.Connection:
        return await asyncpg.connect(self._server.url(name, "postgresql"))
