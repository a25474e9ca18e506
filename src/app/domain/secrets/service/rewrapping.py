"""Wrapping every data key anew under the newest master key, while the vault is in use."""

import time
from collections.abc import AsyncIterator
from typing import NamedTuple

import anyio

from app.domain.secrets.repository import KeyRepository
from app.domain.secrets.repository.keys import Wrapped
from app.domain.secrets.service import chain, sealing
from app.domain.secrets.service.nodes import LIVE_SECONDS
from app.lib.clock import Clock
from app.lib.crypto.binding import Binding
from app.lib.crypto.envelope import Envelope, NotOpened, Wrap
from app.lib.crypto.ring import MasterKey, Ring, UnknownMasterKey
from app.lib.db.engine import Database

ROWS_AT_ONCE = 50
PAUSE_SECONDS = 0.02
"""At least, between two batches, and as long as the last one took: others write, too."""


class KeyUse(NamedTuple):
    id: str
    wraps: int
    """Data keys."""
    retired: bool


class NodeKeys(NamedTuple):
    name: str
    keys: tuple[str, ...]
    sealing: str


class Rewrapping:
    def __init__(self, db: Database, ring: Ring, clock: Clock) -> None:
        self._db = db
        self._ring = ring
        self._envelope = Envelope(ring)
        self._clock = clock
        self.unopened = 0
        """How many did not open when all were last gone through."""

    async def keys(self) -> list[KeyUse]:
        """Every master key that was ever used, the oldest first."""
        async with self._db.reading() as db_session:
            keys = KeyRepository(db_session)
            counts = await keys.counts()
            return [KeyUse(row.id, counts.get(row.id, 0), row.retired_at is not None) for row in await keys.all()]

    async def nodes(self) -> list[NodeKeys]:
        """Those that are there now. One without any key waits for it, and nobody waits for the node."""
        async with self._db.reading() as db_session:
            rows = await KeyRepository(db_session).nodes(LIVE_SECONDS)
        return [NodeKeys(row.name, tuple(row.keys.split(",")), row.sealing) for row in rows if row.keys]

    async def rewrap(self, to: MasterKey) -> AsyncIterator[int]:
        """Go through all that is under another key, some at a time, and tell how many were done.

        What does not open stays as it is, and so does what another transaction holds just now. May be stopped at any
        time, and begun again.
        """
        self.unopened = 0
        for trails in (False, True):
            after: Wrapped | None = None
            while True:
                began = time.monotonic()
                async with self._db.writing() as db_session:
                    keys = KeyRepository(db_session)
                    if not await keys.use(to.id, now=self._clock.now()):
                        raise UnknownMasterKey
                    some = await (keys.trails_not_under if trails else keys.values_not_under)(
                        to.id, after=after, most=ROWS_AT_ONCE
                    )
                    done = 0
                    for row in some:
                        if (wrap := self._rewrapped(row, to)) is not None:
                            done += await keys.rewrap(row, **chain.wrap_columns(wrap))
                        else:
                            self.unopened += 1
                if not some:
                    break
                after = some[-1]
                yield done
                await anyio.sleep(max(PAUSE_SECONDS, time.monotonic() - began))

    async def retire(self, key_id: str) -> bool:
        """Whether nothing needs the key any more; from then on nothing can."""
        async with self._db.writing() as db_session:
            return await KeyRepository(db_session).retire(key_id, now=self._clock.now())

    def _rewrapped(self, row: Wrapped, to: MasterKey) -> Wrap | None:
        """Opened once more under its new key before it takes the old one's place."""
        bound = (
            Binding(row.owner_id, row.secret_id, row.version, sealing.FIELD)
            if row.version
            else chain.binding(row.owner_id)
        )
        try:
            return self._envelope.rewrap(Wrap(row.key_id, row.nonce, row.wrapped), bound, to)
        except (NotOpened, UnknownMasterKey):
            return None


async def anything_sealed(db: Database) -> bool:
    """Whether the database holds values that only its own master keys open."""
    async with db.reading() as db_session:
        return bool(await KeyRepository(db_session).counts())
