"""All SQL on what is asked of a run: by those who control it, and by the run of its user."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, exists, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.agents.context import CallPosition
from app.domain.runs.models import Run, RunQuestion
from app.domain.runs.questions import Question
from app.domain.runs.repository.runs import NOT_ENDED, statements
from app.domain.runs.states import ACTIVE, CANCEL, PAUSE, RunState
from app.lib.db.insert import insert_new
from app.lib.runlog.tables import RunHead


class ControlRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session
        self._now = statements(db_session.get_bind().dialect.name).now

    async def park(self, run_id: UUID, attempt: int, spent: float) -> bool:
        """Give the lease back so that nobody claims it; False where nothing is to be waited for any more."""
        await self._lock(run_id)
        paused = RunHead.control == PAUSE
        parked = (
            update(RunHead)
            .where(
                RunHead.run_id == run_id,
                RunHead.attempt == attempt,
                RunHead.ended.is_(False),
                or_(paused, and_(RunHead.control.is_(None), _unanswered(run_id))),
            )
            .values(owner=None, lease_until=None, parked_at=self._now, spent=spent)
            .returning(RunHead.control)
        )
        row = (await self._db_session.execute(parked)).first()
        if row is None:
            return False
        state = RunState.PAUSED if row.control == PAUSE else RunState.WAITING
        await self._db_session.execute(update(Run).where(Run.id == run_id).values(state=state))
        return True

    async def running(self, run_id: UUID) -> None:
        waits = Run.state.in_((RunState.QUEUED, RunState.PAUSED, RunState.WAITING))
        await self._db_session.execute(update(Run).where(Run.id == run_id, waits).values(state=RunState.RUNNING))

    async def ask(self, run_id: UUID, control: str) -> bool:
        """Leave a request for whoever executes the run, and let somebody. Nothing overrules a cancel.

        Returns whether somebody has it, as far as that is known.
        """
        asked = (
            update(RunHead)
            .where(
                RunHead.run_id == run_id,
                RunHead.ended.is_(False),
                or_(RunHead.control.is_(None), RunHead.control != CANCEL),
            )
            .values(control=control, parked_at=None)
            .returning(RunHead.lease_until > self._now)
        )
        return bool(await self._db_session.scalar(asked))

    async def pause(self, run_id: UUID) -> bool:
        """Ask for a pause; False where the run is paused, waits, ends or has been asked for something else."""
        asked = (
            update(RunHead)
            .where(
                RunHead.run_id == run_id,
                RunHead.ended.is_(False),
                RunHead.control.is_(None),
                RunHead.parked_at.is_(None),
            )
            .values(control=PAUSE)
            .returning(RunHead.run_id)
        )
        if (await self._db_session.execute(asked)).first() is None:
            return False
        await self._db_session.execute(
            update(Run).where(Run.id == run_id, Run.state.in_(ACTIVE)).values(state=RunState.PAUSED)
        )
        return True

    async def resume(self, run_id: UUID) -> bool:
        """Take a pause back; False where there is none."""
        resumed = (
            update(RunHead)
            .where(RunHead.run_id == run_id, RunHead.ended.is_(False), RunHead.control == PAUSE)
            .values(control=None, parked_at=None)
            .returning(RunHead.run_id)
        )
        if (await self._db_session.execute(resumed)).first() is None:
            return False
        await self.running(run_id)
        return True

    async def add_question(self, run_id: UUID, question: Question) -> None:
        place = question.place
        row = {"run_id": run_id, "id": question.id, "kind": question.kind, "scope": place.scope}
        row |= {"turn": place.turn, "position": place.position}
        await self._db_session.execute(insert_new(self._db_session, RunQuestion, row))

    async def questions(self, run_id: UUID) -> list[Question]:
        rows = await self._db_session.scalars(select(RunQuestion).where(RunQuestion.run_id == run_id))
        return [Question(q.id, q.kind, CallPosition(q.scope, q.turn, q.position), q.answer) for q in rows]

    async def answer(
        self, run_id: UUID, question_id: str, kind: str, answer: dict[str, Any], *, still_open: bool
    ) -> dict[str, Any] | None:
        """Keep the first answer. Returns the one that counts, None where there is no such question any more."""
        asked = [RunQuestion.run_id == run_id, RunQuestion.id == question_id, RunQuestion.kind == kind]
        if still_open:
            await self._lock(run_id)
            unanswered = RunQuestion.answer.is_(None)
            await self._db_session.execute(update(RunQuestion).where(*asked, unanswered).values(answer=answer))
        found: dict[str, Any] | None = await self._db_session.scalar(select(RunQuestion.answer).where(*asked))
        return found

    async def _lock(self, run_id: UUID) -> None:
        """An answer and being put aside to wait for it do not pass each other unseen."""
        await self._db_session.execute(select(RunHead.run_id).where(RunHead.run_id == run_id).with_for_update())

    async def unpark_answered(self, run_id: UUID) -> bool:
        """Let a waiting run go on where all its questions are answered."""
        freed = (
            update(RunHead)
            .where(
                RunHead.run_id == run_id,
                RunHead.parked_at.is_not(None),
                RunHead.control.is_(None),
                ~_unanswered(run_id),
            )
            .values(parked_at=None)
            .returning(RunHead.run_id)
        )
        if (await self._db_session.execute(freed)).first() is None:
            return False
        await self.running(run_id)
        return True

    async def keep_followed(self, run_ids: list[UUID], seconds: float) -> None:
        """Only of runs that end with their readers. A row that is being written is left for the next time."""
        wanted = (
            select(RunHead.run_id)
            .join(Run, Run.id == RunHead.run_id)
            .where(RunHead.run_id.in_(run_ids), RunHead.ended.is_(False), Run.cancel_when_left)
            .with_for_update(of=RunHead, skip_locked=True)
        )
        await self._db_session.execute(
            update(RunHead).where(RunHead.run_id.in_(wanted)).values(followed_until=self._now + seconds)
        )

    async def followed(self, run_ids: list[UUID]) -> dict[UUID, bool | None]:
        query = select(RunHead.run_id, RunHead.followed_until > self._now).where(RunHead.run_id.in_(run_ids))
        return {row[0]: row[1] for row in await self._db_session.execute(query)}

    async def cancel_overdue(self, park_seconds: float) -> None:
        await self._db_session.execute(
            update(RunHead)
            .where(NOT_ENDED, RunHead.parked_at < self._now - park_seconds)
            .values(control=CANCEL, parked_at=None)
        )


def _unanswered(run_id: UUID) -> ColumnElement[bool]:
    return exists().where(RunQuestion.run_id == run_id, RunQuestion.answer.is_(None))
