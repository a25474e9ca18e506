"""Telling receivers of their tasks' changes, beside the runs and never in their way.

A configuration is a reader of its run's log with a stored place, so that the log is the queue: nothing is written
before something is delivered, and a process that dies leaves to the others what it had not.
"""

from collections import deque
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import aiohttp
import anyio
import msgspec
import structlog
from a2a.compat.v0_3 import conversions
from a2a.types.a2a_pb2 import TaskStatusUpdateEvent
from a2a.utils.proto_utils import to_stream_response
from google.protobuf.json_format import MessageToDict

from app.domain.a2a.conformance import waiting_state
from app.domain.a2a.fold import TERMINAL, Fold
from app.domain.a2a.models import PushConfig
from app.domain.a2a.push.configs import OLD, PushConfigs, Receiver
from app.domain.a2a.push.signing import NotOurs, PushKeys
from app.domain.a2a.repository import Due, PushRepository
from app.domain.a2a.tasks import context_of, task_of
from app.domain.runs.lookup import Asked, Lookup
from app.domain.runs.service import Runs
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.egress.client import open_session
from app.lib.egress.errors import EgressRefused
from app.lib.egress.policy import Policy
from app.lib.resilience.backoff import full_jitter
from app.lib.runlog.frames import PING, split

LOOK_SECONDS = 0.5
DELIVERY_SECONDS = 10.0
CLAIM_SECONDS = 30.0
"""So long a delivery is one process's, should it die over it."""
MAX_TRIES = 10
AT_ONCE = 20
_GONE = 410
_REDIRECTED = 300

logger = structlog.get_logger()


class Change(NamedTuple):
    seq: int
    body: bytes


class _Reading(NamedTuple):
    fold: Fold
    changes: deque[Change]


class PushWorker:
    def __init__(
        self,
        db: Database,
        clock: Clock,
        runs: Runs,
        lookup: Lookup,
        *,
        configs: PushConfigs,
        keys: PushKeys,
        egress: Policy,
        issuer: str,
    ) -> None:
        self._db = db
        self._clock = clock
        self._runs = runs
        self._lookup = lookup
        self._configs = configs
        self._keys = keys
        self._egress = egress
        self._issuer = issuer
        self._readings: dict[tuple[UUID, str], _Reading] = {}
        self._busy: set[tuple[UUID, str]] = set()
        self._places = anyio.CapacityLimiter(AT_ONCE)

    async def run(self) -> None:
        """For ever. A receiver that is slow or gone holds up none of the others."""
        async with open_session(self._egress) as http, anyio.create_task_group() as tasks:
            while True:
                try:
                    found = await self._due()
                    self._forget({(due.config.run_id, due.config.id) for due in found})
                    for due in found:
                        key = (due.config.run_id, due.config.id)
                        if key not in self._busy:
                            self._busy.add(key)
                            tasks.start_soon(self._serve, http, due)
                except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                    logger.warning("push notifications cannot be looked for", error=type(error).__name__)
                await anyio.sleep(LOOK_SECONDS)

    async def _due(self) -> list[Due]:
        async with self._db.reading() as db_session:
            return await PushRepository(db_session).due(self._clock.now())

    def _forget(self, due: set[tuple[UUID, str]]) -> None:
        """What nobody may ask for again; it is only read anew."""
        for key in self._readings.keys() - due - self._busy:
            del self._readings[key]

    async def _serve(self, http: aiohttp.ClientSession, due: Due) -> None:
        key = (due.config.run_id, due.config.id)
        try:
            async with self._places:
                await self._tell(http, due)
        except Exception as error:  # noqa: BLE001 - as above
            logger.warning("a push notification failed", error=type(error).__name__)
        finally:
            self._busy.discard(key)

    async def _tell(self, http: aiohttp.ClientSession, due: Due) -> None:
        """The next change, if there is one."""
        config = due.config
        key = (config.run_id, config.id)
        fold, changes = await self._read(due)
        while changes and changes[0].seq <= config.told_seq:
            changes.popleft()
        if not changes:
            if due.ended and fold.seq >= due.seq:
                del self._readings[key]
                await self._move(config, told_seq=due.seq, finished=True)
            return
        claimed = await self._move(config, tries=config.tries, seconds=CLAIM_SECONDS)
        if claimed is None:
            return
        change = changes[0]
        try:
            receiver = self._configs.receiver(config)
            delivered = await self._deliver(http, claimed, receiver, change)
        except (NotOurs, EgressRefused):
            await self._move(claimed, finished=True)
            return
        if delivered or claimed.tries + 1 >= MAX_TRIES:
            await self._move(claimed, told_seq=change.seq)
        else:
            tries = claimed.tries + 1
            await self._move(claimed, tries=tries, seconds=2 ** (tries - 1) + full_jitter(tries))

    async def _read(self, due: Due) -> _Reading:
        """The log as far as it is, with what changed in it."""
        config = due.config
        asked = await self._lookup.one(config.owner_id, config.run_id)
        key = (config.run_id, config.id)
        reading = self._readings.get(key)
        if reading is None:
            fold = Fold(config.run_id, context_of(asked), waits=waiting_state(asked))
            reading = self._readings[key] = _Reading(fold, deque())
        fold, changes = reading
        if not asked.log_kept:
            fold.seq = due.seq
        async with self._runs.following(config.run_id, after=fold.seq) as cursor:
            while fold.seq < due.seq and (data := await cursor.read()):
                for frame in split(data) if data is not PING else ():
                    told = fold.read(frame)
                    if any(isinstance(one.update, TaskStatusUpdateEvent) for one in told):
                        changes.append(Change(fold.seq, _body(config, asked, fold)))
        return reading

    async def _deliver(
        self, http: aiohttp.ClientSession, config: PushConfig, receiver: Receiver, change: Change
    ) -> bool:
        """Raises EgressRefused."""
        delivery_id = f"{config.run_id}:{config.id}:{change.seq}"
        headers = {
            "Content-Type": "application/json",
            "X-Headgate-Delivery": delivery_id,
            "X-Headgate-Signature": self._keys.signature(
                issuer=self._issuer, audience=receiver.url, delivery_id=delivery_id, body=change.body
            ),
        }
        if receiver.token:
            headers["X-A2A-Notification-Token"] = receiver.token
        if receiver.scheme and receiver.credentials:
            headers["Authorization"] = f"{receiver.scheme} {receiver.credentials}"
        try:
            async with http.post(
                receiver.url,
                data=change.body,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=DELIVERY_SECONDS),
            ) as answer:
                return answer.status < _REDIRECTED or answer.status == _GONE
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            logger.info("a push notification was not taken", error=type(error).__name__)
            return False

    async def _move(
        self,
        config: PushConfig,
        *,
        told_seq: int | None = None,
        tries: int = 0,
        seconds: float = 0.0,
        finished: bool = False,
    ) -> PushConfig | None:
        """The row as it is then; None where another process was quicker."""
        due_at = None if finished else self._clock.now() + timedelta(seconds=seconds)
        async with self._db.writing() as db_session:
            moved = await PushRepository(db_session).move(config, told_seq=told_seq, tries=tries, due_at=due_at)
        if not moved:
            return None
        told_seq = config.told_seq if told_seq is None else told_seq
        return PushConfig(
            run_id=config.run_id,
            id=config.id,
            owner_id=config.owner_id,
            dialect=config.dialect,
            sealed=config.sealed,
            told_seq=told_seq,
            tries=tries,
            due_at=due_at,
            created_at=config.created_at,
        )


def _body(config: PushConfig, asked: Asked, fold: Fold) -> bytes:
    """The task as it is then: 1.0 wraps it, as it wraps what it streams."""
    task = task_of(asked, fold)
    task.status.CopyFrom(fold.status())
    if fold.state in TERMINAL:
        task.status.timestamp.FromDatetime(asked.changed_at)
    if config.dialect == OLD:
        told = conversions.to_compat_task(task).model_dump(mode="json", by_alias=True, exclude_none=True)
        return msgspec.json.encode(told)
    return msgspec.json.encode(MessageToDict(to_stream_response(task)))
