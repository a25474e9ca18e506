"""Inserting what may be there already, the same on SQLite and PostgreSQL."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session

from app.lib.db.base import Record, Row


def insert_new(
    db_session: AsyncSession | async_scoped_session[AsyncSession], model: type[Record | Row], *rows: dict[str, Any]
) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that leaves out the rows whose key is taken.

    PostgreSQL waits for a transaction that is inserting the same key, and then knows whether it is taken.
    """
    if db_session.get_bind().dialect.name == "postgresql":
        return postgresql.insert(model).values([*rows]).on_conflict_do_nothing()
    return sqlite.insert(model).values([*rows]).on_conflict_do_nothing()
