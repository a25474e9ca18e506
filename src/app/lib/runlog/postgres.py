"""The run log in PostgreSQL: one prepared statement a group commit, on a connection of its own."""

from typing import Any
from uuid import UUID

import anyio
import asyncpg

from app.lib.db.engine import Database
from app.lib.runlog.reading import DatabaseReader
from app.lib.runlog.store import Write

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
    INSERT INTO run_step (run_id, scope, turn, kind, position, payload)
    SELECT s.* FROM unnest($6::uuid[], $7::text[], $8::int[], $9::text[], $10::int[], $11::bytea[])
        AS s(run_id, scope, turn, kind, position, payload) JOIN fenced USING (run_id)
    ON CONFLICT DO NOTHING
)
SELECT place, control FROM fenced
"""

_PLAN = {"enable_hashjoin": "off", "enable_mergejoin": "off", "enable_seqscan": "off", "jit": "off"}
"""A few rows by their keys, whatever the statistics of tables that grow this fast say: hashing cost a fifth more."""


class PostgresLogStore(DatabaseReader):
    """Rows of many runs go in as arrays: one row a frame cost 2 to 7 times more of the database's CPU."""

    def __init__(self, db: Database, *, lease_seconds: float) -> None:
        super().__init__(db)
        self._dsn = db.url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._lease_seconds = lease_seconds
        self._connection: asyncpg.Connection[Any] | None = None
        self._statement: Any = None

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        statement = self._statement or await self._prepare()
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
        )
        return {writes[place - 1].batch.run_id: control for place, control in rows}

    async def _prepare(self) -> Any:
        if self._connection is None or self._connection.is_closed():
            self._connection = await asyncpg.connect(self._dsn, timeout=10, command_timeout=30, server_settings=_PLAN)
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
