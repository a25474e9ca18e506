"""The run log in SQLite: the standard library's driver in a thread of its own, in the same file as all else."""

import sqlite3
from collections.abc import Callable, Sequence
from functools import cache
from itertools import batched
from typing import Any
from uuid import UUID

from app.lib.db.engine import SQLITE_BUSY_SECONDS, Database
from app.lib.db.worker import Worker
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.store import Write

_ROWS = 50
"""In one statement. Few large statements: each one hands the interpreter's lock over and back."""
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
_FENCE = f"""
WITH batch (run_id, attempt, seq, last_seq) AS (VALUES {{rows}})
UPDATE run_head SET seq = batch.last_seq, lease_until = {_NOW} + {{lease}}
FROM batch
WHERE run_head.run_id = batch.run_id AND run_head.attempt = batch.attempt AND run_head.seq = batch.seq
    AND NOT run_head.ended
RETURNING run_head.run_id, run_head.control
"""  # noqa: S608 - constants and question marks
_LOG = "INSERT INTO run_log (run_id, last_seq, n, frames) VALUES {rows}"
_STEP = (
    "INSERT INTO run_step AS old (run_id, scope, turn, kind, position, payload, seq) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (run_id, scope, turn, kind, position) DO UPDATE SET seq = coalesce(old.seq, excluded.seq)"
)


class SqliteLogStore(DatabaseReader):
    """A thread hop a group commit, whatever the number of runs in it."""

    def __init__(self, db: Database, *, lease_seconds: float) -> None:
        super().__init__(db)
        self._path = db.url.database or ""
        self._lease_seconds = lease_seconds
        self._thread: Worker | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        await self._run(lambda: self._connection or self._connect())

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        held: dict[UUID, str | None] = await self._run(lambda: self._write(writes))
        return held

    async def _run(self, call: Callable[[], Any]) -> Any:
        if self._thread is None:
            self._thread = Worker("run-log")
        return await self._thread.run(call)

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
        controls: dict[bytes, str | None] = {}
        keyed = [(w.batch.run_id.bytes, w) for w in writes]
        for some in batched(keyed, _ROWS):
            fences = [(key, w.attempt, w.batch.last_seq - w.batch.n, w.batch.last_seq) for key, w in some]
            statement = _FENCE.format(rows=_places(4, len(fences)), lease=self._lease_seconds)
            controls.update(connection.execute(statement, _flat(fences)).fetchall())
        kept = [(key, write) for key, write in keyed if key in controls]
        batches = [(key, write.batch) for key, write in kept if write.batch.n]
        for some_batches in batched(batches, _ROWS):
            rows = [(key, b.last_seq, b.n, b.frames) for key, b in some_batches]
            connection.execute(_LOG.format(rows=_places(4, len(rows))), _flat(rows))
        steps = [(key, step) for key, write in kept for step in write.steps]
        if steps:
            connection.executemany(
                _STEP, [(key, s.scope, s.turn, s.kind, s.position, s.payload, s.seq) for key, s in steps]
            )
        return {write.batch.run_id: controls[key] for key, write in kept}

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=SQLITE_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=OFF")  # the fence is the check: a run's head goes with the run
        connection.execute("PRAGMA wal_autocheckpoint=4000")
        # A statement of many rows notes what it would have to undo: otherwise in a new file each time.
        connection.execute("PRAGMA temp_store=MEMORY")
        self._connection = connection
        return connection

    async def reset(self) -> None:
        if self._thread is not None:
            await self._thread.run(self._disconnect)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def close(self) -> None:
        await self.reset()
        if self._thread is not None:
            self._thread.stop()
            self._thread = None


@cache
def _places(columns: int, rows: int) -> str:
    return ", ".join([f"({', '.join('?' * columns)})"] * rows)


def _flat(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    return [value for row in rows for value in row]
