"""Engines and transactions, the same to use on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import PoolResetState

from app.lib.db.address import connect_arguments, read_url
from app.lib.db.sqlite_lock import TRY_MS, WAIT_SECONDS, begin_writing
from app.lib.db.sqlite_visits import visit_once

DATABASE_ERRORS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What connecting and asking may raise. SQLAlchemy lets through what asyncpg says of a connection that was refused."""
_SQLITE_PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=NORMAL",
    "foreign_keys=ON",
)
_WRITER_PRAGMAS = (f"busy_timeout={TRY_MS}",)
_READER_PRAGMAS = (f"busy_timeout={WAIT_SECONDS}000", "query_only=ON")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


class Database:
    """Where rows are read and written.

    SQLite takes one writer at a time: writing sessions share one connection, whose transactions take the write
    lock at once (a reader that turns writer in mid-transaction is refused by SQLite without waiting).
    """

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = read_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        if self.is_sqlite:
            self._read_engine = _sqlite_engine(url, writes=False, pool_size=pool_size)
            self._write_engine = _sqlite_engine(url, writes=True, pool_size=1)
        else:
            self._arguments = connect_arguments(self.url)
            self._write_engine = create_async_engine(
                self.url.set(query={}),
                async_creator=self.connect,
                pool_size=pool_size,
                max_overflow=pool_size,
                hide_parameters=True,
                json_serializer=_json,
                json_deserializer=msgspec.json.decode,
            )
            event.listen(self._write_engine.sync_engine, "checkout", _refuse_closed)
            self._read_engine = self._write_engine.execution_options(isolation_level="AUTOCOMMIT")
        self._reading = async_sessionmaker(self._read_engine, expire_on_commit=False)
        self._writing = async_sessionmaker(self._write_engine, expire_on_commit=False)

    @property
    def engine(self) -> AsyncEngine:
        """The engine that may write; for migrations and the like."""
        return self._write_engine

    async def connect(self, **options: Any) -> Any:
        """An asyncpg connection to the PostgreSQL of the URL, outside the pool: its owner closes it.

        The options win over those of the URL. Parameters of the server are set afterwards, with SET, since PgBouncer
        takes none that it does not know.
        """
        return await asyncpg.connect(**(self._arguments | options))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that changes nothing: SQLite would refuse it.

        It touches the database at its first statement, not before. There is no transaction around its statements, which
        would cost two more questions: each sees what is committed by then.
        """
        async with self._reading() as db_session:
            yield db_session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises.

        Never open a second one inside it: on SQLite it would wait for the first. Do slow work (hashing, calls to
        others) before its first statement, which is where the transaction begins.
        """
        async with self._writing() as db_session:
            yield db_session
            await db_session.commit()

    async def close(self) -> None:
        await self._read_engine.dispose()
        await self._write_engine.dispose()


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Of the pool, to make another. A ping asks the server three times, and knows no more of a lost network."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _sqlite_engine(url: str, *, writes: bool, pool_size: int) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
        hide_parameters=True,
        json_serializer=_json,
        json_deserializer=msgspec.json.decode,
        pool_reset_on_return=None,  # `end_transaction` does, where there is one
        skip_autocommit_rollback=not writes,
    )
    visit_once(engine)

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _record: Any) -> None:
        # The driver's own transaction handling begins too late: ours is explicit.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (*_SQLITE_PRAGMAS, *(_WRITER_PRAGMAS if writes else _READER_PRAGMAS)):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "reset")
    def end_transaction(connection: Any, _record: Any, state: PoolResetState) -> None:
        if not state.terminate_only and connection.driver_connection.in_transaction:
            connection.rollback()

    if writes:

        @event.listens_for(engine.sync_engine, "begin")
        def begin_transaction(connection: Any) -> None:
            begin_writing(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"))

    return engine
