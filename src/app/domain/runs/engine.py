"""The embedded engine: runs are tasks of this process, and outlive the requests that started them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import structlog
from anyio.abc import TaskGroup

from app.domain.runs.admission import Admission, Place
from app.domain.runs.desertion import Desertion
from app.domain.runs.errors import ServerStopping
from app.domain.runs.execute import Executor, Outcome
from app.domain.runs.execution import Stop
from app.domain.runs.records import Claim, RunRecords
from app.domain.runs.states import CANCEL
from app.lib.runlog.cursor import sweep
from app.lib.runlog.log import LogWriter
from app.lib.runlog.wake.message import Subject
from app.lib.runlog.wake.waker import Waker

LEAVE_SECONDS = 3.0
MAX_TAKING = 50
"""Runs of others that are taken up at one time."""

logger = structlog.get_logger()


class Engine:
    def __init__(
        self,
        executor: Executor,
        records: RunRecords,
        writer: LogWriter,
        waker: Waker,
        admission: Admission,
        *,
        lease_seconds: float,
        park_seconds: float,
        heartbeat_seconds: float,
    ) -> None:
        self.owner = uuid4().hex
        """This process, among those that share the database."""
        self._executor = executor
        self._records = records
        self._writer = writer
        self._waker = waker
        self.admission = admission
        waker.on(Subject.ASKED, self.look)
        waker.on(Subject.FREED, self.take)
        self.lease_seconds = lease_seconds
        self._park_seconds = park_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._taking: set[UUID] = set()
        self._recalled: set[UUID] = set()
        """Runs that somebody should take, and that are not done with here: they may be about to be put aside."""
        self._tasks: TaskGroup | None = None
        self._leaving = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Goes on with what a dead process left, and executes what is submitted until the block is left."""
        async with anyio.create_task_group() as background:
            background.start_soon(self._writer.run)
            background.start_soon(sweep, self._writer.hub, self._heartbeat_seconds)
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._scan)
                self._tasks.start_soon(self._beat)
                self._tasks.start_soon(Desertion(self._writer.hub, self._executor, self._records).run)
                try:
                    yield
                finally:
                    with anyio.CancelScope(shield=True), anyio.move_on_after(LEAVE_SECONDS):
                        await self.leave()
                    self._tasks.cancel_scope.cancel()
            background.cancel_scope.cancel()
        await self._writer.store.close()

    def check(self) -> TaskGroup:
        """Where tasks are started. Raises ServerStopping where no run can be taken any more."""
        if self._tasks is None or self._leaving:
            raise ServerStopping
        return self._tasks

    def admit(self) -> Place:
        """Room for a run that is about to be stored. Raises ServerStopping, TooManyRuns or ServerBusy."""
        self.check()
        return self.admission.new_run()

    def submit(self, claim: Claim, place: Place) -> None:
        """Execute a run that was stored as this owner's, in the place it was given. Returns at once."""
        tasks = self.check()
        self._writer.hub.expect(claim.run.id)
        tasks.start_soon(self._submitted, claim, place.pass_on())

    def take(self, run_id: UUID, *, urgent: bool = False) -> None:
        """Go on with a run if nobody else does and somebody should. Returns at once.

        Where there is no room it is left to others, or to the next scan; what is `urgent` is soon over.
        """
        if self._tasks is None or self._leaving:
            return
        if run_id in self._executor.active or run_id in self._taking:
            self._recalled.add(run_id)
            return
        if len(self._taking) >= MAX_TAKING:
            return
        place = self.admission.run(urgent=urgent)
        if place is not None:
            self._taking.add(run_id)
            self._tasks.start_soon(self._take, run_id, place)

    def asked(self, run_id: UUID, control: str | None, *, held: bool = False) -> None:
        """Somebody has asked something of a run: it obeys at once where it is executed here.

        Else those who execute it are told, and it is taken, unless another who may be alive has it `held`.
        """
        execution = self._executor.active.get(run_id)
        if execution is not None and not execution.aside:
            execution.obey(control)
            return
        self._waker.tell(Subject.ASKED, run_id)
        if not held or self._records.sole_owner or run_id in self._executor.active or run_id in self._taking:
            self.take(run_id, urgent=control == CANCEL)

    def look(self, run_id: UUID) -> None:
        """Another process says that something was asked of a run: what, is in the database."""
        execution = self._executor.active.get(run_id)
        if execution is not None:
            execution.beat()

    async def leave(self) -> None:
        """Take no more runs and give back those that are going on, with all they have said stored."""
        self._leaving = True
        for execution in list(self._executor.active.values()):
            execution.stop(Stop.LEAVING)
        await self._executor.idle()

    async def _take(self, run_id: UUID, place: Place) -> None:
        try:
            with place:
                outcome = await self._execute(run_id)
        finally:
            self._taking.discard(run_id)
        self._pass_on(run_id, outcome)

    async def _submitted(self, claim: Claim, place: Place) -> None:
        with place:
            outcome = await self._execute(claim.run.id, claim)
        self._pass_on(claim.run.id, outcome)

    def _pass_on(self, run_id: UUID, outcome: Outcome | None) -> None:
        """A run that was given back, or called for meanwhile, is taken again, by others where this process leaves."""
        recalled = run_id in self._recalled
        self._recalled.discard(run_id)
        if outcome is not Outcome.RELEASED and (outcome is Outcome.ENDED or not recalled):
            return
        if self._leaving:
            self._waker.tell(Subject.FREED, run_id)
        else:
            self.take(run_id)

    async def _execute(self, run_id: UUID, claim: Claim | None = None) -> Outcome | None:
        try:
            return await self._executor.execute(run_id, owner=self.owner, claim=claim)
        except Exception as error:
            # The program is wrong, or the database is away: the scan tries again when the lease has run out.
            logger.exception("a run could not be executed", run_id=str(run_id), exc_info=error)
            return None
        finally:
            self._writer.hub.leave(run_id)

    async def _beat(self) -> None:
        """Keep the leases of runs that are silent, and hear what others ask of them."""
        while True:
            await anyio.sleep(self.lease_seconds / 4)
            for execution in list(self._executor.active.values()):
                execution.beat()

    async def _scan(self) -> None:
        """At the start and from then on: go on with what a dead process left."""
        while True:
            try:
                await self._records.cancel_overdue(self._park_seconds)
                for run_id in await self._records.abandoned(self.owner):
                    self.take(run_id)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot look for abandoned runs", error=type(error).__name__)
            await anyio.sleep(self.lease_seconds / 3)
