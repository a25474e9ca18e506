"""Which processes serve, and which master keys they have: a new one seals only once all of them can open it."""

import os
import socket
from uuid import uuid4

import anyio
import structlog

from app.domain.secrets.repository import KeyRepository
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database

BEAT_SECONDS = 5.0
LIVE_SECONDS = 20.0
"""Who was not heard of for so long is not there any more."""
_FORGET_SECONDS = 86_400.0

logger = structlog.get_logger()


class Node:
    """The one that this process is."""

    def __init__(self, db: Database, ring: Ring) -> None:
        self._db = db
        self._ring = ring
        self.id = uuid4()
        self._name = f"{socket.gethostname()}:{os.getpid()}"

    async def beat(self) -> None:
        """Look for keys that have come, say which are here, and agree with the others on the one that seals."""
        self._ring.reload()
        async with self._db.writing() as db_session:
            keys = KeyRepository(db_session)
            own = ",".join(self._ring.ids)
            sealing = "" if self._ring.is_sealed else self._ring.sealing.id
            await keys.beat(self.id, name=self._name, keys=own, sealing=sealing)
            others = [set(node.keys.split(",")) for node in await keys.nodes(LIVE_SECONDS) if node.keys]
            common = set(self._ring.ids).intersection(*others)
            uses = await keys.all()
            self._ring.agree(
                living={key.id for key in uses if key.retired_at is None},
                retired={key.id for key in uses if key.retired_at is not None},
                common=common,
            )
            agreed = "" if self._ring.is_sealed else self._ring.sealing.id
            if agreed != sealing:
                await keys.beat(self.id, name=self._name, keys=own, sealing=agreed)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await anyio.sleep(BEAT_SECONDS)
            try:
                await self.beat()
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("the other nodes cannot be told of", error=type(error).__name__)

    async def leave(self) -> None:
        """So that nobody waits for it. Where the database is away it is forgotten in time."""
        try:
            async with self._db.writing() as db_session:
                await KeyRepository(db_session).leave(self.id, forget_after=_FORGET_SECONDS)
        except Exception as error:  # noqa: BLE001 - see above
            logger.warning("the other nodes cannot be told of", error=type(error).__name__)
