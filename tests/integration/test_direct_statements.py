"""What goes past SQLAlchemy is of its transactions all the same, and what comes out of its pool works."""

from collections.abc import Sequence

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.lib.db.direct import direct_row
from app.lib.db.engine import Database

INSERT = "INSERT INTO vault_key (id, seen_at) VALUES ({}, CURRENT_TIMESTAMP) RETURNING id"


only_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def _terminate(db: Database, pid: Sequence[int]) -> None:
    admin = await db.connect()
    await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid[0])
    await admin.close()


async def _keys(db: Database) -> int:
    async with db.reading() as db_session:
        return int((await db_session.execute(text("SELECT count(*) FROM vault_key"))).scalar_one())


async def _insert(db: Database, *, fails: bool) -> str:
    async with db.writing() as db_session:
        row = await direct_row(await db_session.connection(), INSERT.format("?" if db.is_sqlite else "$1"), "one")
        if fails:
            raise LookupError
    return str(row[0])


async def test_a_direct_statement_that_comes_first_is_kept_with_its_transaction(db: Database) -> None:
    assert await _insert(db, fails=False) == "one"
    assert await _keys(db) == 1


async def test_a_direct_statement_that_comes_first_is_taken_back_with_its_transaction(db: Database) -> None:
    with pytest.raises(LookupError):
        await _insert(db, fails=True)

    assert await _keys(db) == 0


async def test_what_the_driver_says_is_told_as_sqlalchemy_would(db: Database) -> None:
    async with db.reading() as db_session:
        with pytest.raises(DBAPIError):
            await direct_row(await db_session.connection(), "SELECT nothing FROM nowhere")


@only_postgres
async def test_a_connection_that_breaks_before_the_transaction_begins_is_told_so_too(db: Database) -> None:
    async with db.reading() as db_session:
        connection = await db_session.connection()
        pid = await direct_row(connection, "SELECT pg_backend_pid()")
        await db_session.rollback()
        connection = await db_session.connection()
        await _terminate(db, pid)
        with pytest.raises(DBAPIError):
            await direct_row(connection, "SELECT 1")


@only_postgres
async def test_a_connection_that_the_server_has_closed_is_not_handed_out(db: Database) -> None:
    async with db.reading() as db_session:
        pid = (await db_session.execute(text("SELECT pg_backend_pid()"))).scalar_one()
    await _terminate(db, [pid])

    async with db.reading() as db_session:
        other = (await db_session.execute(text("SELECT pg_backend_pid()"))).scalar_one()

    assert other != pid
