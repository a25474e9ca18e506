"""All SQL on runs. Statements on `run_head` are fenced by the attempt, as appends are."""

from collections.abc import Collection
from datetime import datetime
from functools import cache
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    and_,
    bindparam,
    case,
    delete,
    func,
    insert,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import defer

from app.domain.runs.models import ACTIVE_ONLY, LOG_KEPT, Run
from app.domain.runs.notices import RunNow
from app.domain.runs.states import ACTIVE, RunState
from app.lib.db.insert import insert_or
from app.lib.runlog.frames import Batch
from app.lib.runlog.store import Head, Step
from app.lib.runlog.tables import RunHead, RunLogRow, RunStep


class Claimed(msgspec.Struct, frozen=True):
    attempt: int
    seq: int
    control: str | None
    spent: float
    crashes: int


_RUN, _HEAD, _LOG = (cast("Table", table.__table__) for table in (Run, RunHead, RunLogRow))


_ADD = insert_or(
    _RUN,
    [
        *("id", "owner_id", "session_id", "session_key", "agent", "model", "state", "definition", "input"),
        *("history_seq", "time_line", "replaces", "secret_id", "cancel_when_left", "origin"),
        *("created_at", "updated_at", "started_at"),
    ],
    f"(session_id) WHERE {ACTIVE_ONLY} DO NOTHING",
    ["id"],
)


ACTIVE_RUNS = f"SELECT count(*) FROM run WHERE owner_id = :user_id AND {ACTIVE_ONLY}"  # noqa: S608 - constants
"""How many runs of a user are not over."""

NOT_ENDED: ColumnElement[bool] = literal_column("NOT run_head.ended")
"""In the words of the index on the few rows of which it is true: for others neither database uses it."""


class Statements:
    """What every run needs, built once: building a statement costs more than running it."""

    def __init__(self, dialect: str) -> None:
        self.now: ColumnElement[float] = literal_column(
            "(julianday('now') - 2440587.5) * 86400.0"
            if dialect == "sqlite"
            else "extract(epoch FROM clock_timestamp())"
        )
        self.add_head = insert(_HEAD).values(lease_until=self.now + bindparam("lease_seconds"))
        self.end = (
            update(_HEAD)
            .where(
                _HEAD.c.run_id == bindparam("of_run"),
                _HEAD.c.attempt == bindparam("of_attempt"),
                _HEAD.c.seq == bindparam("after"),
                _HEAD.c.ended.is_(False),
            )
            .values(seq=bindparam("last_seq"), ended=True, owner=None, lease_until=None)
            .returning(_HEAD.c.run_id)
        )
        self.log = insert(_LOG)
        self.outcome = update(_RUN).where(_RUN.c.id == bindparam("of_run"))


statements = cache(Statements)


class RunRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session
        self._sql = statements(db_session.get_bind().dialect.name)
        self._now = self._sql.now

    async def add(self, run: dict[str, Any], owner: str, lease_seconds: float) -> bool:
        """Store a run whose first attempt is `owner`'s; others may take it when the lease runs out.

        False, and nothing stored, where the session has an active run.
        """
        if (await self._db_session.execute(_ADD, run)).first() is None:
            return False
        head = {"run_id": run["id"], "attempt": 1, "seq": 0, "ended": False, "owner": owner}
        await self._db_session.execute(self._sql.add_head, {**head, "lease_seconds": lease_seconds})
        return True

    async def active_on(self, session_id: UUID) -> UUID | None:
        query = select(Run.id).where(Run.session_id == session_id, Run.state.in_(ACTIVE))
        found: UUID | None = await self._db_session.scalar(query)
        return found

    async def active(self, run_ids: Collection[UUID]) -> set[UUID]:
        """Those of the runs that have not ended, whoever owns them."""
        query = select(Run.id).where(Run.id.in_(run_ids), Run.state.in_(ACTIVE))
        return set((await self._db_session.scalars(query)).all())

    async def now(self, run_ids: Collection[UUID]) -> list[RunNow]:
        query = select(Run.id, Run.owner_id, Run.session_key, Run.agent, Run.state).where(Run.id.in_(run_ids))
        rows = (await self._db_session.execute(query)).all()
        return [RunNow(run_id, owner, session, agent, RunState(state)) for run_id, owner, session, agent, state in rows]

    async def get(self, run_id: UUID, owner_id: UUID) -> tuple[Run, RunHead] | None:
        row = (await self._db_session.execute(_with_head().where(Run.id == run_id, Run.owner_id == owner_id))).first()
        return None if row is None else (row[0], row[1])

    async def load(self, run_id: UUID) -> Run | None:
        """Whoever owns it: for its execution."""
        return await self._db_session.get(Run, run_id)

    async def page(
        self, owner_id: UUID, *, active: bool, session_key: str | None, limit: int, offset: int
    ) -> tuple[list[tuple[Run, RunHead]], int]:
        """Newest first, and how many there are in all."""
        wanted = [Run.owner_id == owner_id]
        if active:
            wanted.append(Run.state.in_(ACTIVE))
        if session_key is not None:
            wanted.append(Run.session_key == session_key)
        total = await self._db_session.scalar(select(func.count()).select_from(Run).where(*wanted))
        query = _with_head().where(*wanted).order_by(Run.created_at.desc(), Run.id.desc()).limit(limit).offset(offset)
        rows = (await self._db_session.execute(query)).all()
        return [(run, head) for run, head in rows], total or 0

    async def newest(
        self,
        owner_id: UUID,
        *,
        agents: Collection[str],
        session_key: str | None,
        states: Collection[str],
        since: datetime | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> tuple[list[tuple[Run, RunHead]], int]:
        """Those whose state changed last come first, after a place in that order; and how many there are in all."""
        changed = func.coalesce(Run.ended_at, Run.started_at, type_=Run.started_at.type)
        wanted = [Run.owner_id == owner_id, Run.agent.in_(agents)]
        if session_key is not None:
            wanted.append(Run.session_key == session_key)
        if states:
            wanted.append(Run.state.in_(states))
        if since is not None:
            wanted.append(changed >= since)
        total = await self._db_session.scalar(select(func.count()).select_from(Run).where(*wanted))
        if before is not None:
            wanted.append(or_(changed < before[0], and_(changed == before[0], Run.id < before[1])))
        query = _with_head().where(*wanted).options(defer(Run.definition))
        rows = (await self._db_session.execute(query.order_by(changed.desc(), Run.id.desc()).limit(limit))).all()
        return [(run, head) for run, head in rows], total or 0

    async def of_session(
        self, session_id: UUID, owner_id: UUID, *, after: UUID | None, limit: int
    ) -> list[tuple[Run, RunHead]]:
        """Oldest first, from the one that follows `after` on; without their definitions, which are large."""
        query = (
            _with_head().where(Run.session_id == session_id, Run.owner_id == owner_id).options(defer(Run.definition))
        )
        if after is not None:
            query = query.where(Run.id > after)
        rows = (await self._db_session.execute(query.order_by(Run.id).limit(limit))).all()
        return [(run, head) for run, head in rows]

    async def log_purged(self, run_id: UUID) -> bool:
        return bool(await self._db_session.scalar(select(Run.log_purged).where(Run.id == run_id)))

    async def purge_logs(self, ended_before: datetime, most: int) -> int:
        """Delete the logs and steps of runs that ended so long ago. Returns of how many."""
        query = select(Run.id).where(Run.ended_at < ended_before, LOG_KEPT).limit(most)
        old = (await self._db_session.scalars(query.with_for_update(skip_locked=True))).all()
        if old:
            await self._db_session.execute(delete(RunLogRow).where(RunLogRow.run_id.in_(old)))
            await self._db_session.execute(delete(RunStep).where(RunStep.run_id.in_(old)))
            await self._db_session.execute(update(Run).where(Run.id.in_(old)).values(log_purged=True))
        return len(old)

    async def claim(self, run_id: UUID, owner: str, lease_seconds: float, *, others_dead: bool) -> Claimed | None:
        """Become the run's owner with its next attempt; None where it ended or another's lease still holds."""
        claimed = (
            update(RunHead)
            .where(RunHead.run_id == run_id, *self._free(owner, others_dead=others_dead))
            .values(
                attempt=RunHead.attempt + 1,
                owner=owner,
                lease_until=self._now + lease_seconds,
                crashes=RunHead.crashes + case((RunHead.owner.is_(None), 0), else_=1),
            )
            .returning(RunHead.attempt, RunHead.seq, RunHead.control, RunHead.spent, RunHead.crashes)
        )
        row = (await self._db_session.execute(claimed)).first()
        return None if row is None else Claimed(*row)

    async def release(self, run_id: UUID, attempt: int, spent: float) -> None:
        """Give the lease back without ending the run: somebody may claim it at once."""
        await self._db_session.execute(
            update(RunHead)
            .where(RunHead.run_id == run_id, RunHead.attempt == attempt, RunHead.ended.is_(False))
            .values(owner=None, lease_until=None, spent=spent)
        )

    async def end(self, batch: Batch, attempt: int, **outcome: Any) -> bool:
        """Write the terminal event and the run's outcome; False where another attempt owns the run."""
        last_seq, after = batch.last_seq, batch.last_seq - batch.n
        fence = {"of_run": batch.run_id, "of_attempt": attempt, "after": after, "last_seq": last_seq}
        if (await self._db_session.execute(self._sql.end, fence)).first() is None:
            return False
        row = {"run_id": batch.run_id, "last_seq": last_seq, "n": batch.n, "frames": batch.frames}
        await self._db_session.execute(self._sql.log, row)
        await self._db_session.execute(self._sql.outcome, {"of_run": batch.run_id, **outcome})
        return True

    async def head(self, run_id: UUID) -> Head | None:
        query = select(RunHead.seq, RunHead.attempt, RunHead.ended).where(RunHead.run_id == run_id)
        row = (await self._db_session.execute(query)).one_or_none()
        return None if row is None else Head(*row)

    async def steps(self, run_id: UUID) -> list[Step]:
        query = select(RunStep.scope, RunStep.turn, RunStep.kind, RunStep.position, RunStep.payload, RunStep.seq)
        rows = (await self._db_session.execute(query.where(RunStep.run_id == run_id))).all()
        return [Step(*row) for row in rows]

    async def abandoned(self, owner: str, *, others_dead: bool) -> list[UUID]:
        """Active runs that nobody executes: their lease ran out, or their owner is known to be gone."""
        free = self._free(owner, others_dead=others_dead)
        return list(await self._db_session.scalars(select(RunHead.run_id).where(*free)))

    def _free(self, owner: str, *, others_dead: bool) -> list[ColumnElement[bool]]:
        free = [RunHead.lease_until.is_(None), RunHead.lease_until < self._now]
        if others_dead:
            free.append(RunHead.owner != owner)
        return [NOT_ENDED, RunHead.parked_at.is_(None), or_(*free)]


def _with_head() -> Select[tuple[Run, RunHead]]:
    return select(Run, RunHead).join(RunHead, RunHead.run_id == Run.id)
