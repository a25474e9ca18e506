"""The run log in SQLite: the standard library's driver in a thread of its own, in the same file as all else."""

import math
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from itertools import accumulate
from typing import Any
from uuid import UUID

import msgspec

from app.lib.db.engine import Database
from app.lib.db.sqlite_lock import TRY_MS, begin_writing
from app.lib.db.worker import Worker
from app.lib.runlog.frames import Batch
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.store import Write

CHECKPOINT_SECONDS = 1.0
_NOW = "(julianday('now') - 2440587.5) * 86400.0"
# Each statement, and each row that one returns, hands the interpreter's lock over; while the event loop is busy it
# comes back after the interpreter's switch interval only. So for any number of runs the statements are few, answer in
# one row, and are the same: SQLite would compile one of another size anew.
_RUN_ID = "substr(:ids, 16 * key + 1, 16)"
_BATCH = f"""
WITH batch AS MATERIALIZED (
    SELECT {_RUN_ID} AS run_id, json_extract(value, '$[0]') AS attempt, json_extract(value, '$[1]') AS seq,
        json_extract(value, '$[2]') AS last_seq
    FROM json_each(:heads)
)
"""  # noqa: S608 - constants
_IS_HELD = """
WHERE run_head.run_id = batch.run_id AND run_head.attempt = batch.attempt AND run_head.seq = batch.seq
    AND NOT run_head.ended
"""
_HELD = f"""
{_BATCH} SELECT json_group_array(json_array(hex(run_head.run_id), run_head.control)) FROM batch, run_head {_IS_HELD}
"""  # noqa: S608 - constants
"""Before `_FENCE`, in the same transaction: both find the same runs."""
_FENCE = f"""
{_BATCH} UPDATE run_head SET seq = batch.last_seq, lease_until = {_NOW} + :lease FROM batch {_IS_HELD}
"""  # noqa: S608 - constants
_LOG = f"""
INSERT INTO run_log (run_id, last_seq, n, frames)
SELECT {_RUN_ID}, json_extract(value, '$[0]'), json_extract(value, '$[1]'),
    substr(:frames, json_extract(value, '$[2]'), json_extract(value, '$[3]'))
FROM json_each(:rows)
"""  # noqa: S608 - constants
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
        self._checkpointer: Worker | None = None
        self._checkpoint_at = 0.0
        self._connection: sqlite3.Connection | None = None

    async def open(self) -> None:
        await self._run(lambda: self._connection or self._connect())

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        held: dict[UUID, str | None] = await self._run(lambda: self._write(writes))
        if time.monotonic() >= self._checkpoint_at:
            self._checkpoint_at = math.inf
            self._checkpointer = self._checkpointer or Worker("checkpoints")
            self._checkpointer.post(self._checkpoint)
        return held

    def _checkpoint(self) -> None:
        """Move what was written from the WAL into the database, beside the writer: it takes a tenth of a second."""
        with suppress(sqlite3.Error), closing(sqlite3.connect(self._path)) as connection:  # the writer meets it too
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        self._checkpoint_at = time.monotonic() + CHECKPOINT_SECONDS

    async def _run(self, call: Callable[[], Any]) -> Any:
        if self._thread is None:
            self._thread = Worker("run-log")
        return await self._thread.run(call)

    def _write(self, writes: list[Write]) -> dict[UUID, str | None]:
        connection = self._connection or self._connect()
        begin_writing(lambda: connection.execute("BEGIN IMMEDIATE"))
        try:
            held = self._store(connection, writes)
        except BaseException:
            connection.rollback()
            raise
        connection.commit()
        return held

    def _store(self, connection: sqlite3.Connection, writes: list[Write]) -> dict[UUID, str | None]:
        keyed = [(w.batch.run_id.bytes, w) for w in writes]
        heads = [(w.attempt, w.batch.last_seq - w.batch.n, w.batch.last_seq) for w in writes]
        fence = {"ids": b"".join(key for key, _ in keyed), "heads": _json(heads), "lease": self._lease_seconds}
        (held,) = connection.execute(_HELD, fence).fetchone()
        controls = {bytes.fromhex(key): control for key, control in msgspec.json.decode(held)}
        connection.execute(_FENCE, fence)
        kept = [(key, write) for key, write in keyed if key in controls]
        told = [(key, write.batch) for key, write in kept if write.batch.n]
        if told:
            connection.execute(_LOG, _rows(told))
        steps = [(key, step) for key, write in kept for step in write.steps]
        if steps:
            connection.executemany(
                _STEP, [(key, s.scope, s.turn, s.kind, s.position, s.payload, s.seq) for key, s in steps]
            )
        return {write.batch.run_id: controls[key] for key, write in kept}

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=TRY_MS / 1000, isolation_level=None, check_same_thread=False)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=OFF")  # the fence is the check: a run's head goes with the run
        connection.execute("PRAGMA wal_autocheckpoint=0")
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
        if self._checkpointer is not None:
            self._checkpointer.stop()
            self._checkpointer = None


def _rows(told: Sequence[tuple[bytes, Batch]]) -> dict[str, object]:
    """What `_LOG` asks for: the frames of all runs in one piece, and where in it each run's are."""
    ends = list(accumulate(len(batch.frames) for _, batch in told))
    rows = [
        (batch.last_seq, batch.n, end - len(batch.frames) + 1, len(batch.frames))
        for (_, batch), end in zip(told, ends, strict=True)
    ]
    ids, frames = (b"".join(parts) for parts in zip(*((key, batch.frames) for key, batch in told), strict=True))
    return {"ids": ids, "frames": frames, "rows": _json(rows)}


def _json(values: Sequence[tuple[int, ...]]) -> str:
    return msgspec.json.encode(values).decode()
