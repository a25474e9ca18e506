"""What the command line does with master keys and the audit trail."""

from collections.abc import Callable
from typing import TextIO
from uuid import UUID

import anyio

from app.domain.accounts.service import AccountService
from app.domain.secrets.service import KeyUse, Rewrapping, Trail
from app.domain.secrets.service.rewrapping import PAUSE_SECONDS
from app.lib.clock import SystemClock
from app.lib.crypto.ring import MasterKey
from app.lib.db.engine import Database
from app.server.commands import ready_database
from app.server.master_keys import MasterKeys
from app.server.settings import Refused, Settings

LOOK_SECONDS = 0.5
"""Between two looks at whether the nodes have the new key."""
_BAR = 40

Say = Callable[[str], None]


def status(settings: Settings, say: Say) -> None:
    anyio.run(_status, settings, say)


def rotate(settings: Settings, say: Say, *, bar: TextIO | None) -> bool:
    """Whether all is under the new key now. Raises Refused."""
    return anyio.run(_rotate, settings, say, bar)


def verify_trails(settings: Settings, owner: str | None, say: Say) -> bool:
    """Whether all are as they were written. Raises Refused."""
    return anyio.run(_verify_trails, settings, owner, say)


async def _status(settings: Settings, say: Say) -> None:
    ring = MasterKeys(settings).ring()
    async with ready_database(settings) as db:
        rewrapping = Rewrapping(db, ring, SystemClock())
        uses = {use.id: use for use in await rewrapping.keys()}
        for key_id in dict.fromkeys([*uses, *ring.ids]):
            use = uses.get(key_id, KeyUse(key_id, 0, retired=False))
            where = "retired" if use.retired else "here" if key_id in ring.ids else "not here"
            newest = ", newest" if ring.ids and key_id == ring.ids[-1] else ""
            say(f"{key_id}  {where}{newest}, wraps {use.wraps}")
        for node in await rewrapping.nodes():
            say(f"node {node.name}  seals by {node.sealing or 'none'}, has {', '.join(node.keys)}")


async def _rotate(settings: Settings, say: Say, bar: TextIO | None) -> bool:
    keys = MasterKeys(settings)
    try:
        keys.load()
    except OSError as error:
        raise Refused(f"{keys.name} cannot be read ({error.strerror}).") from None
    with keys.alone():
        async with ready_database(settings) as db:
            return await Rotation(keys, db, say, bar).run()


async def _verify_trails(settings: Settings, owner: str | None, say: Say) -> bool:
    sound = True
    async with ready_database(settings) as db:
        trail = Trail(db, MasterKeys(settings).ring())
        for owner_id in [await _owner(db, owner)] if owner is not None else await trail.owners():
            verdict = await trail.verify(owner_id)
            sound = sound and not verdict.reason
            say(
                f"FAIL  {owner_id}: {verdict.reason}, at row {verdict.broken_at or 0}"
                if verdict.reason
                else f"ok    {owner_id}: {verdict.rows} rows"
            )
    return sound


async def _owner(db: Database, owner: str) -> UUID:
    try:
        return UUID(owner)
    except ValueError:
        async with db.reading() as db_session:
            return (await AccountService.open(db_session).find(owner)).id


class Rotation:
    """From one master key to the next. May be stopped at any moment: what is there says where to go on."""

    def __init__(self, keys: MasterKeys, db: Database, say: Say, bar: TextIO | None) -> None:
        self._keys = keys
        self._ring = keys.ring()
        self._rewrapping = Rewrapping(db, self._ring, SystemClock())
        self._say = say
        self._bar = bar

    async def run(self) -> bool:
        uses = {use.id: use for use in await self._rewrapping.keys()}
        retired = [key_id for key_id in self._ring.ids if key_id in uses and uses[key_id].retired]
        older = [key_id for key_id in self._ring.ids[:-1] if key_id not in retired]
        if retired and not older and self._ring.ids[-1] not in retired and self._dropped(retired):
            return True  # an earlier rotation had only this left to do
        if older:
            self._say(f"Going on with the rotation to {self._ring.ids[-1]}.")
        else:
            older = [self._ring.ids[-1]]
            new_id = self._keys.add().id
            self._ring.reload()
            self._say(f"There is a new master key in {self._keys.name}: {new_id}.")
        newest = self._ring.find(self._ring.ids[-1])
        await self._wait_for_nodes(newest.id)
        await self._rewrap(newest)
        return await self._retire(older)

    async def _wait_for_nodes(self, key_id: str) -> None:
        """A node that lacks the new key could not open what is wrapped by it."""
        told: set[str] = set()
        while missing := {n.name for n in await self._rewrapping.nodes() if n.sealing != key_id}:
            if missing - told:
                self._say(f"Waiting for {', '.join(sorted(missing))} to have the new key.")
            told |= missing
            await anyio.sleep(LOOK_SECONDS)

    async def _rewrap(self, newest: MasterKey) -> None:
        total = sum(use.wraps for use in await self._rewrapping.keys() if use.id != newest.id)
        done = 0
        # Once more while anything is left that opens: another held it, or stored it a moment ago by the old key.
        while True:
            async for some in self._rewrapping.rewrap(newest):
                done += some
                self._draw(done, max(total, done))
            left = sum(use.wraps for use in await self._rewrapping.keys() if use.id != newest.id)
            if left <= self._rewrapping.unopened:
                break
            await anyio.sleep(PAUSE_SECONDS)
        if self._bar is not None and total:
            self._bar.write("\n")
        self._say(f"{done} data keys are wrapped anew.")

    def _draw(self, done: int, total: int) -> None:
        if self._bar is not None:
            filled = _BAR * done // max(total, 1)
            self._bar.write(f"\r[{'#' * filled}{' ' * (_BAR - filled)}] {done}/{total}")
            self._bar.flush()

    async def _retire(self, older: list[str]) -> bool:
        retired = [key_id for key_id in older if await self._rewrapping.retire(key_id)]
        left = [key_id for key_id in older if key_id not in retired]
        for key_id in left:
            self._say(f"{key_id} still wraps what does not open, so it stays. `headgate audit verify` may say more.")
        return self._dropped(retired) and not left

    def _dropped(self, retired: list[str]) -> bool:
        for key_id in retired:
            try:
                self._keys.drop(key_id)
            except Refused as refused:
                self._say(f"Nothing needs {key_id} any more. {refused}")
            else:
                self._say(f"Retired {key_id}.")
        return True
