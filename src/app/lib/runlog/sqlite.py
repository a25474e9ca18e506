"""The run log in SQLite: the standard library's driver in a thread of its own, in the same file as all else."""

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from app.lib.db.engine import SQLITE_BUSY_SECONDS, Database
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.store import Write

_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_FENCE = f"""
UPDATE run_head SET seq = ?, lease_until = {_NOW} + ?
WHERE run_id = ? AND attempt = ? AND seq = ? AND NOT ended RETURNING control
"""  # noqa: S608 - a constant
_LOG = "INSERT INTO run_log (run_id, last_seq, n, frames) VALUES (?, ?, ?, ?)"
_STEP = "INSERT OR IGNORE INTO run_step (run_id, scope, turn, kind, position, payload) VALUES (?, ?, ?, ?, ?, ?)"


class SqliteLogStore(DatabaseReader):
    """A thread hop a group commit, whatever the number of runs in it."""

    def __init__(self, db: Database, *, lease_seconds: float) -> None:
        super().__init__(db)
        self._path = db.url.database or ""
        self._lease_seconds = lease_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="run-log")
        self._connection: sqlite3.Connection | None = None

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._write, writes)

    def _write(self, writes: list[Write]) -> dict[UUID, str | None]:
        connection = self._connection or self._connect()
        connection.execute("BEGIN IMMEDIATE")
        try:
            held = self._store(connection, writes)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return held

    def _store(self, connection: sqlite3.Connection, writes: list[Write]) -> dict[UUID, str | None]:
        held: dict[UUID, str | None] = {}
        kept: list[Write] = []
        for write in writes:
            batch = write.batch
            fence = (batch.last_seq, self._lease_seconds, batch.run_id.bytes, write.attempt, batch.last_seq - batch.n)
            row = connection.execute(_FENCE, fence).fetchone()
            if row is not None:
                held[batch.run_id] = row[0]
                kept.append(write)
        batches = [w.batch for w in kept if w.batch.n]
        connection.executemany(_LOG, [(b.run_id.bytes, b.last_seq, b.n, b.frames) for b in batches])
        connection.executemany(
            _STEP,
            [(w.batch.run_id.bytes, s.scope, s.turn, s.kind, s.position, s.payload) for w in kept for s in w.steps],
        )
        return held

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=SQLITE_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")
        self._connection = connection
        return connection

    async def reset(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        await self.reset()
        self._thread.shutdown()
