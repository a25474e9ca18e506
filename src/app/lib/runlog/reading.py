"""Reading a log back: the same on both databases, in a session of the pool that is given back at once."""

from uuid import UUID

from sqlalchemy import select

from app.lib.db.engine import Database
from app.lib.runlog.frames import Batch
from app.lib.runlog.store import Head
from app.lib.runlog.tables import RunHead, RunLogRow

_ROWS = 64


class DatabaseReader:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, run_id: UUID, after: int, at_most: int) -> list[Batch]:
        query = (
            select(RunLogRow.last_seq, RunLogRow.n, RunLogRow.frames)
            .where(RunLogRow.run_id == run_id, RunLogRow.last_seq > after)
            .order_by(RunLogRow.last_seq)
            .limit(_ROWS)
        )
        async with self._db.reading() as db_session:
            rows = (await db_session.execute(query)).all()
        batches: list[Batch] = []
        size = 0
        for last_seq, n, frames in rows:
            batches.append(Batch(run_id, last_seq, n, frames))
            size += len(frames)
            if size >= at_most:
                break
        return batches

    async def head(self, run_id: UUID) -> Head | None:
        query = select(RunHead.seq, RunHead.attempt, RunHead.ended).where(RunHead.run_id == run_id)
        async with self._db.reading() as db_session:
            row = (await db_session.execute(query)).one_or_none()
        return None if row is None else Head(*row)
