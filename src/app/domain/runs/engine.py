"""The embedded engine: runs are tasks of this process, and outlive the requests that started them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import anyio
import structlog
from anyio.abc import TaskGroup

from app.domain.runs.errors import ServerStopping
from app.domain.runs.execute import Execution, Executor, Stop
from app.domain.runs.records import Claim, RunRecords
from app.lib.runlog.cursor import sweep
from app.lib.runlog.log import LogWriter

LEAVE_SECONDS = 3.0
DESERTED_SECONDS = 5.0

logger = structlog.get_logger()


class Engine:
    def __init__(
        self,
        executor: Executor,
        records: RunRecords,
        writer: LogWriter,
        *,
        lease_seconds: float,
        heartbeat_seconds: float,
    ) -> None:
        self.owner = uuid4().hex
        """This process, among those that share the database."""
        self._executor = executor
        self._records = records
        self._writer = writer
        self.lease_seconds = lease_seconds
        self._heartbeat_seconds = heartbeat_seconds
        self._tasks: TaskGroup | None = None
        self._leaving = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Ends what a dead process left, then executes what is submitted until the block is left."""
        async with anyio.create_task_group() as background:
            background.start_soon(self._writer.run)
            background.start_soon(sweep, self._writer.hub, self._writer.store, self._heartbeat_seconds)
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._scan)
                self._tasks.start_soon(self._beat)
                self._tasks.start_soon(self._cancel_deserted)
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

    def submit(self, claim: Claim) -> None:
        """Execute a run that was stored as this owner's. Returns at once."""
        tasks = self.check()
        self._writer.hub.expect(claim.run.id)
        tasks.start_soon(self._execute, claim)

    def execution(self, run_id: UUID) -> Execution | None:
        """The run as this process executes it, if it does."""
        return self._executor.active.get(run_id)

    async def leave(self) -> None:
        """Take no more runs and give back those that are going on, with all they have said stored."""
        self._leaving = True
        for execution in list(self._executor.active.values()):
            execution.stop(Stop.LEAVING)
        await self._executor.idle()

    async def _execute(self, claim: Claim) -> None:
        try:
            await self._executor.execute(claim.run.id, owner=self.owner, claim=claim)
        except Exception as error:
            # The program is wrong: the scan will end the run.
            logger.exception("a run could not be executed", run_id=str(claim.run.id), exc_info=error)
        finally:
            self._writer.hub.leave(claim.run.id)

    async def _beat(self) -> None:
        """Keep the leases of runs that are silent, and hear what others ask of them."""
        while True:
            await anyio.sleep(self.lease_seconds / 4)
            for execution in list(self._executor.active.values()):
                self._writer.notice(execution.attempt.log)

    async def _cancel_deserted(self) -> None:
        """Cancel the runs that are to end when nobody follows them any more."""
        while True:
            await anyio.sleep(DESERTED_SECONDS / 10)
            for run_id, execution in list(self._executor.active.items()):
                if execution.run.cancel_when_left and self._writer.hub.deserted(run_id, DESERTED_SECONDS):
                    execution.stop(Stop.CANCELLED)

    async def _scan(self) -> None:
        """At the start and from then on: end what a dead process left."""
        while True:
            try:
                abandoned = await self._records.abandoned(self.owner)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot look for abandoned runs", error=type(error).__name__)
                abandoned = []
            for run_id in abandoned:
                if run_id not in self._executor.active:
                    await self._interrupt(run_id)
            await anyio.sleep(self.lease_seconds / 3)

    async def _interrupt(self, run_id: UUID) -> None:
        """One run that cannot be ended keeps no other from it."""
        logger.warning("ending a run that its process left", run_id=str(run_id))
        try:
            await self._executor.interrupt(run_id, owner=self.owner)
        except Exception as error:
            logger.exception("an abandoned run could not be ended", run_id=str(run_id), exc_info=error)
