"""Runs that are to end when nobody follows them any more, wherever their readers are."""

from uuid import UUID

import anyio
import structlog

from app.domain.runs.execute import Executor
from app.domain.runs.execution import Stop
from app.domain.runs.records import RunRecords
from app.lib.runlog.hub import Hub

DESERTED_SECONDS = 5.0
_LOOKS = 10
"""In that time."""

logger = structlog.get_logger()


class Desertion:
    def __init__(self, hub: Hub, executor: Executor, records: RunRecords) -> None:
        self._hub = hub
        self._executor = executor
        self._records = records

    async def run(self) -> None:
        """Forever: tell other nodes whom readers here follow, and cancel what is executed here for nobody."""
        turn = 0
        while True:
            await anyio.sleep(DESERTED_SECONDS / _LOOKS)
            try:
                if turn % 2 == 0 and (followed := self._hub.met()):
                    await self._records.keep_followed(list(followed), DESERTED_SECONDS)
                await self._cancel()
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot look for deserted runs", error=type(error).__name__)
            turn += 1

    async def _cancel(self) -> None:
        alone = [run_id for run_id, execution in self._executor.active.items() if execution.run.cancel_when_left]
        alone = [run_id for run_id in alone if not self._hub.followed(run_id, within=DESERTED_SECONDS)]
        if not alone:
            return
        elsewhere = await self._records.followed_elsewhere(alone)
        for run_id in alone:
            if self._is_deserted(run_id, elsewhere[run_id]):
                self._executor.active[run_id].stop(Stop.CANCELLED)

    def _is_deserted(self, run_id: UUID, elsewhere: bool | None) -> bool:  # noqa: FBT001
        """`elsewhere` is None where no other node ever had a reader: then somebody must have left here."""
        if run_id not in self._executor.active or elsewhere:
            return False
        return elsewhere is False or self._hub.was_left(run_id)
