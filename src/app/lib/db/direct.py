"""Statements past SQLAlchemy, in its transactions: for the few that every request waits for.

Values are as the driver takes them, and parameters are written as it writes them. What is raised is SQLAlchemy's.
"""

import sqlite3
from typing import Any, cast

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

_ERRORS = (sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError)


async def direct_row(connection: AsyncConnection, sql: str, *values: Any) -> Any:
    """The one row of a statement, without what SQLAlchemy makes of one, which costs more than to ask."""
    adapted = cast("Any", connection.sync_connection).connection.dbapi_connection
    wrapped = cast("Any", connection.dialect.dbapi).Error
    driver = adapted.driver_connection
    try:
        if connection.dialect.name != "sqlite":
            if not adapted._started:  # noqa: SLF001 - SQLAlchemy tells PostgreSQL of a transaction as late as this
                await adapted._start_transaction()  # noqa: SLF001
            return await driver.fetchrow(sql, *values)
        (row,) = await driver.execute_fetchall(sql, values)
    except (wrapped, *_ERRORS) as error:
        raise cast("Exception", DBAPIError.instance(sql, None, error, Exception, hide_parameters=True)) from error
    return row
