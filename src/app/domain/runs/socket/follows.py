"""The runs that one socket follows: of each a cursor, and a task that waits for what it brings."""

from collections.abc import Hashable
from functools import partial
from typing import NamedTuple
from uuid import UUID

import anyio
import structlog
from anyio.abc import TaskGroup

from app.domain.runs.admission import Place
from app.domain.runs.errors import TooManyFollows
from app.domain.runs.schemas import RunView
from app.domain.runs.service import Runs
from app.domain.runs.socket.messages import events, unstored
from app.domain.runs.socket.wire import Wire
from app.domain.runs.states import ACTIVE
from app.lib.runlog.frames import PING

MOST = 100

logger = structlog.get_logger()


class HistoryOf(NamedTuple):
    owner_id: UUID
    session_key: str


class Follows:
    def __init__(self, wire: Wire, runs: Runs) -> None:
        self._wire = wire
        self._runs = runs
        self._scopes: dict[UUID, anyio.CancelScope] = {}

    def check(self, run_id: UUID | None = None) -> None:
        """Raises TooManyFollows where there is no room for one more; a run that is followed already has its place."""
        if len(self._scopes) >= MOST and run_id not in self._scopes:
            raise TooManyFollows(MOST)

    def stop(self, run_id: UUID) -> None:
        scope = self._scopes.pop(run_id, None)
        if scope is not None:
            scope.cancel()

    def start(
        self,
        tasks: TaskGroup,
        run: RunView,
        after: int,
        place: Place,
        *,
        group: Hashable,
        history_of: HistoryOf | None = None,
    ) -> None:
        """Send what comes after that event; from there on, where the run is followed already."""
        self.stop(run.id)
        if after == run.last_seq and run.state not in ACTIVE:
            place.leave()
            return
        scope = self._scopes[run.id] = anyio.CancelScope()
        tasks.start_soon(partial(self._follow, scope, place, run, after, group=group, history_of=history_of))

    async def _follow(
        self,
        scope: anyio.CancelScope,
        place: Place,
        run: RunView,
        after: int,
        *,
        group: Hashable,
        history_of: HistoryOf | None,
    ) -> None:
        with place, scope:
            ended = False
            try:
                ended = await self._read(scope, run, after, group)
                if ended and history_of is not None:
                    entries = await self._runs.history(*history_of)
                    await self._wire.send(unstored(run.id, "history", entries), scope=scope)
            except Exception as error:  # noqa: BLE001 - whatever the driver raises: this run is not to end the others
                logger.warning("a reader cannot be served", error=type(error).__name__)
            if not ended:
                await self._wire.send(unstored(run.id, "end", {"reason": "unavailable"}), scope=scope)
        if self._scopes.get(run.id) is scope:
            del self._scopes[run.id]

    async def _read(self, scope: anyio.CancelScope, run: RunView, after: int, group: Hashable) -> bool:
        """Whether the run's last event was sent."""
        if reset := await self._runs.lost(run, after):
            after = reset.next_seq - 1
            await self._wire.send(unstored(run.id, "reset", reset), scope=scope)
        async with self._runs.following(run.id, after=after, group=group) as cursor:
            while data := await cursor.read():
                if data is not PING:  # the socket has pings of its own
                    await self._wire.send(*events(run.id, data), scope=scope)
            return cursor.ended
