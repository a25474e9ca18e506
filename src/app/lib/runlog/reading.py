"""Reading a log back: the same on both databases, in a session of the pool that is given back at once."""

from uuid import UUID

from sqlalchemy import Select, bindparam, func, select

from app.lib.db.engine import Database
from app.lib.runlog.frames import Batch
from app.lib.runlog.store import Head, News
from app.lib.runlog.tables import RunHead, RunLogRow

_ROWS = 64
_NEWS_BYTES = 64 * 1024


def _next() -> Select[tuple[int, int, bytes]]:
    """Not a byte more than is wanted leaves the database: a hundred readers may ask at the same time."""
    of_run = RunLogRow.run_id == bindparam("of_run")
    size = func.length(RunLogRow.frames).label("size")
    rows = select(RunLogRow.last_seq, size).where(of_run, RunLogRow.last_seq > bindparam("after"))
    following = rows.order_by(RunLogRow.last_seq).limit(_ROWS).subquery()
    before = (func.sum(following.c.size).over(order_by=following.c.last_seq) - following.c.size).label("before")
    sized = select(following.c.last_seq, before).subquery()
    return (
        select(RunLogRow.last_seq, RunLogRow.n, RunLogRow.frames)
        .join(sized, sized.c.last_seq == RunLogRow.last_seq)
        .where(of_run, sized.c.before < bindparam("at_most"))
        .order_by(RunLogRow.last_seq)
    )


_NEXT = _next()


class DatabaseReader:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def read(self, run_id: UUID, after: int, at_most: int) -> list[Batch]:
        async with self._db.reading() as db_session:
            rows = await db_session.execute(_NEXT, {"of_run": run_id, "after": after, "at_most": at_most})
            return [Batch(run_id, *row) for row in rows]

    async def head(self, run_id: UUID) -> Head | None:
        query = select(RunHead.seq, RunHead.attempt, RunHead.ended).where(RunHead.run_id == run_id)
        async with self._db.reading() as db_session:
            row = (await db_session.execute(query)).one_or_none()
        return None if row is None else Head(*row)

    async def news(self, known: dict[UUID, int]) -> dict[UUID, News]:
        query = select(RunHead.run_id, RunHead.seq, RunHead.ended).where(RunHead.run_id.in_(known))
        async with self._db.reading() as db_session:
            heads = (await db_session.execute(query)).all()
        return {
            run_id: News(seq, ended, await self.read(run_id, known[run_id], _NEWS_BYTES) if seq > known[run_id] else [])
            for run_id, seq, ended in heads
        }
