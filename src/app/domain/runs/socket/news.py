"""Which of their runs begin and end, told to users wherever these run and whichever node their sockets are on.

One message a run and border. Other nodes are told only of runs whose user has a socket there, so a node alone says
nothing of its runs, and one without sockets says nothing at all.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from uuid import UUID

import anyio
import structlog

from app.domain.runs.notices import RunEndedNotice, RunNotice, RunNow, RunStartedNotice
from app.domain.runs.socket.sockets import Sockets
from app.domain.runs.states import ACTIVE
from app.lib.runlog.wake.message import Subject
from app.lib.runlog.wake.waker import Waker

PRESENT_SECONDS = 5.0
"""So often others are told again who has a socket here: one of them may be new."""
ABSENT_SECONDS = 3 * PRESENT_SECONDS
PAUSE_SECONDS = 0.01
"""Between two looks: what is heard meanwhile is looked up together."""
_MOST_PRESENT = 100_000

logger = structlog.get_logger()


class RunNews:
    def __init__(
        self, sockets: Sockets, waker: Waker, find: Callable[[Collection[UUID]], Awaitable[Iterable[RunNow]]]
    ) -> None:
        self._sockets = sockets
        self._waker = waker
        self._find = find
        self._present: dict[UUID, float] = {}
        """Users with a socket on another node, and until when we believe so."""
        self._changed: set[UUID] = set()
        """Runs that other nodes have begun or ended."""
        self._something = asyncio.Event()
        sockets.on_user = self._tell_present
        waker.on(Subject.PRESENT, self._hear_present)
        waker.on(Subject.CHANGED, self._hear_changed)

    def changed(self, run: RunNow) -> None:
        """A run of this process has begun or ended. Returns at once."""
        self._tell(run)
        if self._present.get(run.owner_id, 0) > time.monotonic():
            self._waker.tell(Subject.CHANGED, run.id)

    async def run(self) -> None:
        while True:
            now = time.monotonic()
            self._present = {user_id: until for user_id, until in self._present.items() if until > now}
            for user_id in self._sockets.user_ids():
                self._tell_present(user_id)
            while (left := now + PRESENT_SECONDS - time.monotonic()) > 0:
                with anyio.move_on_after(left):
                    await self._something.wait()
                self._something.clear()
                changed, self._changed = self._changed, set()
                await self._look(changed)
                await anyio.sleep(PAUSE_SECONDS)

    async def _look(self, changed: set[UUID]) -> None:
        if not changed:
            return
        try:
            found = await self._find(changed)
        except Exception as error:  # noqa: BLE001 - the database is away: a page looks for itself now and then
            logger.warning("cannot look for runs that others began or ended", error=type(error).__name__)
            return
        for run in found:
            self._tell(run)

    def _tell(self, run: RunNow) -> None:
        if self._sockets.has(run.owner_id):
            self._sockets.notify(run.owner_id, _notice(run))

    def _tell_present(self, user_id: UUID) -> None:
        self._waker.tell(Subject.PRESENT, user_id)

    def _hear_present(self, user_id: UUID) -> None:
        if user_id in self._present or len(self._present) < _MOST_PRESENT:
            self._present[user_id] = time.monotonic() + ABSENT_SECONDS

    def _hear_changed(self, run_id: UUID) -> None:
        if self._sockets.user_ids():
            self._changed.add(run_id)
            self._something.set()


def _notice(run: RunNow) -> RunNotice:
    if run.state in ACTIVE:
        return RunStartedNotice(detail="A run has begun.", run_id=run.id, session_id=run.session_key, agent=run.agent)
    return RunEndedNotice(
        detail="A run has ended.", run_id=run.id, session_id=run.session_key, agent=run.agent, state=run.state
    )
