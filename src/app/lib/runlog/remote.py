"""Runs that other processes write: their readers here are served at the same pace, by one fetch for all of them.

The database is asked twice a second, whatever happens: a message that was lost stalls nobody longer.
"""

import asyncio
import time
from collections.abc import Iterable
from uuid import UUID

import anyio
import structlog

from app.lib.runlog.hub import Hub
from app.lib.runlog.store import LogStore
from app.lib.runlog.wake.message import Subject
from app.lib.runlog.wake.waker import Waker

POLL_SECONDS = 0.5
PAUSE_SECONDS = 0.01
"""Between two fetches: what many nodes say meanwhile is fetched together."""
FOLLOW_SECONDS = 5.0
"""So often others are told again which of their runs are followed here: one of them may be new."""
INTEREST_SECONDS = 3 * FOLLOW_SECONDS
_MOST_WANTED = 100_000

logger = structlog.get_logger()


class RemoteRuns:
    """Fetches what others have stored for readers here, and tells others of what is stored here for theirs.

    Only runs that somebody else follows are spoken of, so a node alone says nothing.
    """

    def __init__(self, hub: Hub, store: LogStore, waker: Waker) -> None:
        self._hub = hub
        self._store = store
        self._waker = waker
        self._wanted: dict[UUID, float] = {}
        """Runs that readers of other nodes follow, and until when we believe so."""
        self._woken: set[UUID] = set()
        self._something = asyncio.Event()
        hub.on_stored = self._tell_stored
        hub.on_followed = self._tell_followed
        waker.on(Subject.FOLLOWED, self._hear_followed)
        waker.on(Subject.STORED, self._hear_stored)

    async def run(self) -> None:
        follow_at = 0.0
        while True:
            poll_at = time.monotonic() + POLL_SECONDS
            if time.monotonic() >= follow_at:
                self._follow_on()
                follow_at = time.monotonic() + FOLLOW_SECONDS
            await self._look()
            while (left := poll_at - time.monotonic()) > 0:
                with anyio.move_on_after(left):
                    await self._something.wait()
                self._something.clear()
                woken, self._woken = self._woken, set()
                await self._look(woken)
                await anyio.sleep(PAUSE_SECONDS)

    async def _look(self, among: Iterable[UUID] | None = None) -> None:
        """Fetch what is new and show it, until there is no more."""
        known = self._hub.remote(among)
        while known:
            try:
                news = await self._store.news(known)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot look for news of runs", error=type(error).__name__)
                return
            behind = [run_id for run_id, found in news.items() if self._hub.show(run_id, found)]
            still = self._hub.remote(behind)
            # Nothing to fetch, though there should be: the run or its log was deleted.
            gone = {run_id for run_id in known if run_id not in news or still.get(run_id) == known[run_id]}
            for run_id in gone:
                self._hub.forget(run_id)
            known = {run_id: seq for run_id, seq in still.items() if run_id not in gone}

    def _follow_on(self) -> None:
        now = time.monotonic()
        self._wanted = {run_id: until for run_id, until in self._wanted.items() if until > now}
        for run_id in self._hub.remote():
            self._waker.tell(Subject.FOLLOWED, run_id)

    def _tell_followed(self, run_id: UUID) -> None:
        self._waker.tell(Subject.FOLLOWED, run_id)

    def _tell_stored(self, run_id: UUID) -> None:
        if run_id in self._wanted:
            self._waker.tell(Subject.STORED, run_id)

    def _hear_followed(self, run_id: UUID) -> None:
        new = run_id not in self._wanted
        if new and len(self._wanted) >= _MOST_WANTED:
            return
        self._wanted[run_id] = time.monotonic() + INTEREST_SECONDS
        if new and self._hub.writes(run_id):
            self._waker.tell(Subject.STORED, run_id)  # it may have grown before we knew of its reader

    def _hear_stored(self, run_id: UUID) -> None:
        if self._hub.known(run_id):
            self._woken.add(run_id)
            self._something.set()
