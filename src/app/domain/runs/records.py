"""What the execution of a run reads and writes besides its log: each verb is one transaction."""

from collections.abc import Callable, Collection
from typing import Any
from uuid import UUID

import anyio
import msgspec
import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError, StatementError

from app.domain.agents.context import RunContext
from app.domain.quotas.schemas import Call, QuotaStatus, Spent
from app.domain.quotas.service import Metering, Usages
from app.domain.runs.attempt import Attempt
from app.domain.runs.ends import Ending
from app.domain.runs.events import encode
from app.domain.runs.metering import Meter
from app.domain.runs.models import Run
from app.domain.runs.notices import RunNow
from app.domain.runs.questions import Question
from app.domain.runs.repository import ACTIVE_RUNS, ControlRepository, RunRepository
from app.domain.runs.states import PAUSE
from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.service import SessionService
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.runlog.errors import LeaseLost
from app.lib.runlog.frames import Batch, frame
from app.lib.runlog.store import Head, Step

_RETRY_SECONDS = 0.5
_RETRIES = 60

__all__ = ["ACTIVE_RUNS", "Claim", "RunRecords"]

logger = structlog.get_logger()


class Claim(msgspec.Struct, frozen=True):
    """A run that is ours to execute, with all that its attempt needs."""

    run: Run
    attempt: int
    seq: int
    control: str | None
    items: list[dict[str, Any]]
    """The model's first input: the session's items as they were at the start, and the new ones."""
    spent: float = 0.0
    """Seconds that earlier attempts have worked."""
    crashes: int = 0
    """Earlier attempts whose process died."""


class RunRecords:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        metering: Metering,
        usages: Usages,
        *,
        lease_seconds: float,
        sole_owner: bool,
    ) -> None:
        self.db = db
        self._clock = clock
        self._metering = metering
        self._usages = usages
        self._lease_seconds = lease_seconds
        self.sole_owner = sole_owner
        """No other process can be alive (SQLite, locked data folder): whoever else owns a run is dead."""

    async def claim(self, run_id: UUID, owner: str) -> Claim | None:
        async with self.db.writing() as db_session:
            runs = RunRepository(db_session)
            claimed = await runs.claim(run_id, owner, self._lease_seconds, others_dead=self.sole_owner)
            run = await runs.load(run_id) if claimed else None
            if claimed is None or run is None:
                return None
            if claimed.control != PAUSE:
                await ControlRepository(db_session).running(run_id)
            sessions = SessionService.open(db_session, run.owner_id, clock=self._clock)
            history = await sessions.items(run.session_id, up_to=run.history_seq)
        items = history + msgspec.json.decode(run.input, type=list[dict[str, Any]])
        return Claim(
            run, claimed.attempt, claimed.seq, claimed.control, items, spent=claimed.spent, crashes=claimed.crashes
        )

    async def now(self, run_ids: Collection[UUID]) -> list[RunNow]:
        """What there is to tell of runs that another process executes."""
        async with self.db.reading() as db_session:
            return await RunRepository(db_session).now(run_ids)

    async def stored(self, run_id: UUID) -> tuple[list[Step], list[Question], list[Call]]:
        """What earlier attempts have finished, what they have asked, and the calls that nobody has settled."""
        async with self.db.reading() as db_session:
            steps = await RunRepository(db_session).steps(run_id)
            questions = await ControlRepository(db_session).questions(run_id)
            return steps, questions, await self._metering.opened(db_session, run_id)

    def meter(self, claim: Claim, left: list[Spent]) -> Meter:
        return Meter(self._metering, self._clock, claim.run, claim.attempt, left)

    async def keep_question(self, run_id: UUID, question: Question) -> None:
        async with self.db.writing() as db_session:
            await ControlRepository(db_session).add_question(run_id, question)

    async def release(self, run_id: UUID, attempt: int, spent: float, meter: Meter) -> None:
        """Give the run back unfinished: somebody may claim it at once."""
        async with self.db.writing() as db_session:
            await self._metering.settle(db_session, run_id, meter.close("interrupted"))
            await RunRepository(db_session).release(run_id, attempt, spent)

    async def park(self, run_id: UUID, attempt: int, spent: float, meter: Meter) -> bool:
        """Put the run aside until it is resumed or answered; where that has happened already it is given back."""
        async with self.db.writing() as db_session:
            await self._metering.settle(db_session, run_id, meter.close("interrupted"))
            if await ControlRepository(db_session).park(run_id, attempt, spent):
                return True
            await RunRepository(db_session).release(run_id, attempt, spent)
            return False

    async def abandoned(self, owner: str) -> list[UUID]:
        """Active runs that nobody executes and somebody should."""
        async with self.db.reading() as db_session:
            return await RunRepository(db_session).abandoned(owner, others_dead=self.sole_owner)

    async def cancel_overdue(self, park_seconds: float) -> None:
        """Have the runs cancelled that were put aside for so long."""
        async with self.db.writing() as db_session:
            await ControlRepository(db_session).cancel_overdue(park_seconds)

    async def keep_followed(self, run_ids: list[UUID], seconds: float) -> None:
        """Let others know that somebody follows these runs here."""
        if not self.sole_owner:
            async with self.db.writing() as db_session:
                await ControlRepository(db_session).keep_followed(run_ids, seconds)

    async def followed_elsewhere(self, run_ids: list[UUID]) -> dict[UUID, bool | None]:
        """Whether readers of other processes follow the runs; None where none ever did."""
        if self.sole_owner:
            return dict.fromkeys(run_ids)
        async with self.db.reading() as db_session:
            return dict.fromkeys(run_ids) | await ControlRepository(db_session).followed(run_ids)

    async def lose(self, run_id: UUID, meter: Meter) -> None:
        """What a call has used that another attempt knows nothing of."""
        spent = meter.close("interrupted")
        if spent:
            async with self.db.writing() as db_session:
                await self._metering.settle(db_session, run_id, spent)

    async def settle(
        self, run: Run, attempt: Attempt, ending: Ending, spent: list[Spent], *, bare: bool = False
    ) -> Batch:
        """The terminal event, the run's outcome, its quota and the session's items, in one transaction.

        `bare` is without the items.

        Waits while the database is away. Raises LeaseLost where another attempt owns the run, and what the database
        says where it takes the end never.
        """
        seq = attempt.log.seq + 1
        batch = Batch(run.id, seq, 1, frame(seq, *encode(ending.event)), ended=True)
        for tried in range(_RETRIES):
            try:
                await self._settle(run, attempt, ending, spent, batch, again=tried > 0, bare=bare)
            except Exception as error:
                if _is_refused(error):
                    raise
                logger.warning("a run's end cannot be written", run_id=str(run.id), error=type(error).__name__)
                await anyio.sleep(_RETRY_SECONDS)
            else:
                return batch
        raise LeaseLost

    async def _settle(
        self,
        run: Run,
        attempt: Attempt,
        ending: Ending,
        spent: list[Spent],
        batch: Batch,
        *,
        again: bool,
        bare: bool,
    ) -> None:
        async with self.db.writing() as db_session:
            # The user's rows, the session's, the run's, as a start takes them: in another order they block each other.
            await self._metering.settle(db_session, run.id, spent, ends=True)
            items = msgspec.json.decode(run.input, type=list[dict[str, Any]])
            if not bare:
                items += attempt.finished_items()
            sessions = SessionService.open(db_session, run.owner_id, clock=self._clock)
            try:
                await sessions.add_items(run.session_id, run.id, items)
            except SessionNotFound:
                raise LeaseLost from None
            runs = RunRepository(db_session)
            ended = await runs.end(
                batch,
                attempt.log.attempt,
                state=ending.state,
                ended_at=self._clock.now(),
                final_message=ending.message.replace("\x00", "\ufffd"),  # PostgreSQL keeps no U+0000
                finish_reason=ending.finish_reason,
                usage=msgspec.to_builtins(attempt.usage),
                error=ending.error,
            )
            if not ended:
                # The answer to a commit can be lost: then the end that stands there is ours.
                if again and await runs.head(run.id) == Head(batch.last_seq, attempt.log.attempt, ended=True):
                    await db_session.rollback()
                    return
                raise LeaseLost

    def context(self, run: Run) -> RunContext:
        return RunContext(run.id, run.owner_id, self.db, self._clock, self.quota_of(run.owner_id))

    def quota_of(self, owner_id: UUID) -> Callable[[], Any]:
        async def quota() -> QuotaStatus:
            return await self._usages.now(owner_id)

        return quota


def _is_refused(error: Exception) -> bool:
    """What the database, or the way to it, says of these values; all else may be over the next time."""
    if isinstance(error, DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""  # class 22: data exceptions
        return isinstance(error, (DataError, IntegrityError, ProgrammingError)) or state.startswith("22")
    return isinstance(error, (StatementError, ValueError, TypeError))
