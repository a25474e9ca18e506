"""Noting a use in the fewest steps: every call of a provider waits for it. The drivers are used as they are."""

import sqlite3
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import anyio
import asyncpg
import msgspec

from app.domain.secrets.models import AuditHead, AuditRow
from app.lib.db.engine import Database
from app.lib.db.sqlite_lock import TRY_MS, begin_writing, is_busy
from app.lib.db.worker import Worker

_COMMAND_SECONDS = 10
_ROW = tuple(column.name for column in AuditRow.__table__.columns)


class StoredHead(msgspec.Struct, frozen=True):
    owner_id: UUID
    count: int
    last_mac: bytes
    seals: bytes
    mac: bytes
    wrap_key_id: str
    wrap_nonce: bytes
    wrapped_key: bytes


_HEAD = f"SELECT {', '.join(StoredHead.__struct_fields__)} FROM {AuditHead.__tablename__} WHERE owner_id = "  # noqa: S608 - constants


class Uses(Protocol):
    """Of one process, a call at a time. Whatever it raises, the use was not noted for sure."""

    async def head(self, owner_id: UUID) -> StoredHead | None: ...

    async def note(self, before: StoredHead, after: StoredHead, row: dict[str, Any]) -> bool:
        """Add the row and move the head, together; False where the head is not as it was before."""
        ...

    async def reset(self) -> None:
        """Forget a connection that broke."""

    async def close(self) -> None: ...


def open_uses(db: Database) -> Uses:
    return SqliteUses(db) if db.is_sqlite else PostgresUses(db)


class SqliteUses:
    """Written where it is asked for, while nobody else writes: waking a thread costs three times what the thread does.

    Where somebody does write, a thread waits for them. Neither a commit nor anything else waits for the disk here: the
    WAL is not synced with each of them, and is moved into the database by others.
    """

    _MOVE = "UPDATE secret_audit_head SET count = ?, last_mac = ?, mac = ? WHERE owner_id = ? AND mac = ?"
    _ADD = f"INSERT INTO secret_audit ({', '.join(_ROW)}) VALUES ({', '.join('?' * len(_ROW))})"  # noqa: S608 - constants

    def __init__(self, db: Database) -> None:
        self._path = db.url.database or ""
        self._worker: Worker | None = None
        self._hasty: sqlite3.Connection | None = None
        self._patient: sqlite3.Connection | None = None

    async def head(self, owner_id: UUID) -> StoredHead | None:
        row = self._now().execute(_HEAD + "?", (owner_id.bytes,)).fetchone()
        return None if row is None else StoredHead(owner_id, *row[1:])

    async def note(self, before: StoredHead, after: StoredHead, row: dict[str, Any]) -> bool:
        move = (after.count, after.last_mac, after.mac, after.owner_id.bytes, before.mac)
        values = [_plain(row[name]) for name in _ROW]
        try:
            self._now().execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            self._worker = self._worker or Worker("secret-uses")
            return bool(await self._worker.run(lambda: self._write(self._waiting(), move, values)))
        return self._write(self._now(), move, values)

    def _write(self, connection: sqlite3.Connection, move: tuple[Any, ...], values: list[Any]) -> bool:
        try:
            moved = connection.execute(self._MOVE, move).rowcount == 1
            if moved:
                connection.execute(self._ADD, values)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return moved

    async def reset(self) -> None:
        if self._worker is not None:
            await self._worker.run(self._wait_no_more)
        if self._hasty is not None:
            self._hasty.close()
            self._hasty = None

    async def close(self) -> None:
        await self.reset()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None

    def _now(self) -> sqlite3.Connection:
        self._hasty = self._hasty or self._connect(0)
        return self._hasty

    def _waiting(self) -> sqlite3.Connection:
        connection = self._patient = self._patient or self._connect(TRY_MS / 1000)
        begin_writing(lambda: connection.execute("BEGIN IMMEDIATE"))
        return connection

    def _wait_no_more(self) -> None:
        if self._patient is not None:
            self._patient.close()
            self._patient = None

    def _connect(self, wait_seconds: float) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=wait_seconds, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        return connection


class PostgresUses:
    _NOTE = f"""
        WITH moved AS (
            UPDATE secret_audit_head SET count = $1, last_mac = $2, mac = $3 WHERE owner_id = $4 AND mac = $5
            RETURNING owner_id
        )
        INSERT INTO secret_audit ({", ".join(_ROW)})
        SELECT moved.owner_id, {", ".join(f"${n}" for n in range(6, 5 + len(_ROW)))} FROM moved RETURNING seq
    """  # noqa: S608 - constants

    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: asyncpg.Connection[Any] | None = None
        self._statements: tuple[Any, Any] | None = None

    async def head(self, owner_id: UUID) -> StoredHead | None:
        find, _ = self._statements or await self._connect()
        row = await find.fetchrow(owner_id)
        return None if row is None else StoredHead(*row)

    async def note(self, before: StoredHead, after: StoredHead, row: dict[str, Any]) -> bool:
        _, note = self._statements or await self._connect()
        values = [row[name] for name in _ROW[1:]]
        noted = await note.fetchrow(after.count, after.last_mac, after.mac, after.owner_id, before.mac, *values)
        return noted is not None

    async def reset(self) -> None:
        connection, self._connection, self._statements = self._connection, None, None
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        connection, self._connection, self._statements = self._connection, None, None
        if connection is not None:
            with anyio.move_on_after(2, shield=True):
                await connection.close()

    async def _connect(self) -> tuple[Any, Any]:
        connection = self._connection = await self._db.connect(command_timeout=_COMMAND_SECONDS)
        self._statements = await connection.prepare(_HEAD + "$1"), await connection.prepare(self._NOTE)
        return self._statements


def _plain(value: Any) -> Any:
    """As SQLAlchemy stores it in SQLite."""
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, datetime):
        return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    return value
