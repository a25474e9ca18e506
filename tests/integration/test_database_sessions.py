"""What sessions cost and keep: reading ones no transaction, SQLite's one visit to its thread a statement."""

from typing import Any

import aiosqlite
import anyio
import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from app.lib.db.engine import Database

INSERT = text("INSERT INTO vault_key (id, seen_at) VALUES (:id, CURRENT_TIMESTAMP)")
COUNT = text("SELECT count(*) FROM vault_key")
SLOW = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000) SELECT max(i) FROM n")
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def visits(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the driver's threads were asked to do."""
    made: list[Any] = []
    ask: Any = aiosqlite.Connection._execute

    async def counted(self: aiosqlite.Connection, what: Any, *arguments: Any, **options: Any) -> Any:
        made.append(what)
        return await ask(self, what, *arguments, **options)

    monkeypatch.setattr(aiosqlite.Connection, "_execute", counted)
    return made


async def keys(db: Database) -> int:
    async with db.reading() as db_session:
        return int((await db_session.execute(COUNT)).scalar_one())


@only_sqlite
async def test_a_read_is_one_visit_and_a_write_one_for_each_statement(db: Database, visits: list[Any]) -> None:
    await keys(db)
    async with db.writing() as db_session:
        await db_session.execute(COUNT)
    visits.clear()

    await keys(db)
    assert len(visits) == 1
    visits.clear()
    async with db.writing() as db_session:
        await db_session.execute(INSERT, {"id": "one"})
        await db_session.execute(INSERT, [{"id": "two"}, {"id": "three"}])
    assert len(visits) == 4  # with the transaction's beginning and end
    assert await keys(db) == 3


@only_sqlite
async def test_a_reading_session_writes_nothing(db: Database) -> None:
    async with db.reading() as db_session:
        with pytest.raises(OperationalError, match="readonly"):
            await db_session.execute(INSERT, {"id": "one"})

    assert await keys(db) == 0


async def test_a_reading_session_sees_what_was_committed_meanwhile(db: Database) -> None:
    async with db.reading() as db_session:
        before = (await db_session.execute(COUNT)).scalar_one()
        async with db.writing() as other:
            await other.execute(INSERT, {"id": "one"})
        after = (await db_session.execute(COUNT)).scalar_one()

    assert (before, after) == (0, 1)


async def test_what_the_driver_refuses_is_told_and_the_session_ends_well(db: Database) -> None:
    async def insert(*rows: Any) -> None:
        async with db.writing() as db_session:
            for row in rows:
                await db_session.execute(INSERT, row)

    with pytest.raises(IntegrityError):
        await insert({"id": "one"}, {"id": "one"})
    with pytest.raises(IntegrityError):
        await insert({"id": "one"}, [{"id": "two"}, {"id": "two"}])
    assert await keys(db) == 0


async def test_who_gives_up_in_a_statement_leaves_nothing_behind(db: Database) -> None:
    slow = SLOW if db.is_sqlite else text("SELECT pg_sleep(1)")
    with anyio.move_on_after(0.05) as scope:
        async with db.writing() as db_session:
            await db_session.execute(INSERT, {"id": "one"})
            await db_session.execute(slow)

    assert scope.cancelled_caught
    assert await keys(db) == 0
    async with db.writing() as db_session:
        await db_session.execute(INSERT, {"id": "one"})
    assert await keys(db) == 1
