"""Runs as those need them who tell of runs in other words: with what was asked, and what the run itself asks."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec

from app.domain.runs.errors import RunNotFound
from app.domain.runs.freezing import view
from app.domain.runs.models import Run
from app.domain.runs.questions import Question
from app.domain.runs.repository import ControlRepository, RunRepository
from app.domain.runs.schemas import Origin, RunView
from app.lib.db.engine import Database
from app.lib.runlog.tables import RunHead


class _Item(msgspec.Struct):
    content: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    run: RunView
    text: str
    """What the user said."""
    origin: Origin | None
    changed_at: datetime
    """When its state became what it is, as far as that is stored: at its end, or when it was started."""
    log_kept: bool
    questions: list[Question] = []


class Lookup:
    def __init__(self, db: Database) -> None:
        self._db = db

    async def one(self, owner_id: UUID, run_id: UUID) -> Asked:
        """Raises RunNotFound."""
        async with self._db.reading() as db_session:
            found = await RunRepository(db_session).get(run_id, owner_id)
            if found is None:
                raise RunNotFound
            return _asked(*found, questions=await ControlRepository(db_session).questions(run_id))

    async def newest(
        self,
        owner_id: UUID,
        *,
        agents: Collection[str],
        session_id: str | None,
        states: Collection[str],
        since: datetime | None,
        before: tuple[datetime, UUID] | None,
        limit: int,
    ) -> tuple[list[Asked], int]:
        """Those whose state changed last come first; and how many there are. They are without their questions."""
        async with self._db.reading() as db_session:
            rows, total = await RunRepository(db_session).newest(
                owner_id,
                agents=agents,
                session_key=session_id,
                states=states,
                since=since,
                before=before,
                limit=limit,
            )
        return [_asked(*row) for row in rows], total


def _asked(run: Run, head: RunHead, questions: list[Question] | None = None) -> Asked:
    items = msgspec.json.decode(run.input, type=list[_Item])
    return Asked(
        run=view(run, head),
        text=items[-1].content,
        origin=msgspec.json.decode(run.origin, type=Origin) if run.origin else None,
        changed_at=run.ended_at or run.started_at or run.created_at,
        log_kept=not run.log_purged,
        questions=sorted(questions or [], key=lambda one: (one.place.turn, one.place.position)),
    )
