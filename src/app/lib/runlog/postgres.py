"""The run log in PostgreSQL: one prepared statement a group commit, on a connection of its own."""

from typing import Any
from uuid import UUID

import anyio
import asyncpg
from sqlalchemy import text

from app.lib.db.engine import Database
from app.lib.runlog.frames import Batch
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.store import News, Write

_WRITE = """
WITH batch AS (
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::int[], $5::bytea[])
        WITH ORDINALITY AS b(run_id, attempt, last_seq, n, frames, place)
), fenced AS (
    UPDATE run_head h SET seq = b.last_seq, lease_until = extract(epoch FROM clock_timestamp()) + $12
    FROM batch b WHERE h.run_id = b.run_id AND h.attempt = b.attempt AND h.seq = b.last_seq - b.n AND NOT h.ended
    RETURNING h.run_id, b.place, h.control
), logged AS (
    INSERT INTO run_log (run_id, last_seq, n, frames)
    SELECT b.run_id, b.last_seq, b.n, b.frames FROM batch b JOIN fenced USING (run_id) WHERE b.n > 0
), stepped AS (
    INSERT INTO run_step AS old (run_id, scope, turn, kind, position, payload, seq)
    SELECT s.* FROM unnest($6::uuid[], $7::text[], $8::int[], $9::text[], $10::int[], $11::bytea[], $13::int[])
        AS s(run_id, scope, turn, kind, position, payload, seq) JOIN fenced USING (run_id)
    ON CONFLICT (run_id, scope, turn, kind, position) DO UPDATE SET seq = coalesce(old.seq, excluded.seq)
)
SELECT place, control FROM fenced
"""

_NEWS = text("""
SELECT head.run_id, head.seq, head.ended, batch.last_seq, batch.n, batch.frames
FROM unnest(CAST(:runs AS uuid[]), CAST(:seqs AS int[])) AS known(run_id, seq)
JOIN run_head head ON head.run_id = known.run_id
LEFT JOIN LATERAL (
    SELECT l.last_seq, l.n, l.frames FROM run_log l WHERE l.run_id = known.run_id AND l.last_seq > known.seq
    ORDER BY l.last_seq LIMIT 32
) batch ON true
ORDER BY head.run_id, batch.last_seq
""")
_COMMAND_SECONDS = 30
_PLAN = "SET enable_hashjoin = off; SET enable_mergejoin = off; SET enable_seqscan = off; SET jit = off"
"""A few rows by their keys, whatever the statistics of tables that grow this fast say: hashing cost a fifth more."""


class PostgresLogStore(DatabaseReader):
    """Rows of many runs go in as arrays: one row a frame cost 2 to 7 times more of the database's CPU."""

    def __init__(self, db: Database, *, lease_seconds: float) -> None:
        super().__init__(db)
        self._lease_seconds = lease_seconds
        self._connection: asyncpg.Connection[Any] | None = None
        self._statement: Any = None

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        statement = self._statement or await self._connect()
        steps = [(w.batch.run_id, s) for w in writes for s in w.steps]
        rows = await statement.fetch(
            [w.batch.run_id for w in writes],
            [w.attempt for w in writes],
            [w.batch.last_seq for w in writes],
            [w.batch.n for w in writes],
            [w.batch.frames for w in writes],
            [run_id for run_id, _ in steps],
            [s.scope for _, s in steps],
            [s.turn for _, s in steps],
            [s.kind for _, s in steps],
            [s.position for _, s in steps],
            [s.payload for _, s in steps],
            self._lease_seconds,
            [s.seq for _, s in steps],
        )
        return {writes[place - 1].batch.run_id: control for place, control in rows}

    async def news(self, known: dict[UUID, int]) -> dict[UUID, News]:
        async with self._db.reading() as db_session:
            rows = await db_session.execute(_NEWS, {"runs": [*known], "seqs": [*known.values()]})
        found: dict[UUID, News] = {}
        for run_id, seq, ended, last_seq, n, frames in rows:
            news = found.setdefault(run_id, News(seq, ended, []))
            if last_seq is not None:
                news.batches.append(Batch(run_id, last_seq, n, frames))
        return found

    async def open(self) -> None:
        await self._connect()

    async def _connect(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._db.connect(command_timeout=_COMMAND_SECONDS)
        await self._connection.execute(_PLAN)
        self._statement = await self._connection.prepare(_WRITE)
        return self._statement

    async def reset(self) -> None:
        """Forget a connection that broke; the next write makes another."""
        self._statement = None
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None

    async def close(self) -> None:
        self._statement = None
        if self._connection is not None:
            with anyio.move_on_after(2, shield=True):
                await self._connection.close()
            self._connection = None
