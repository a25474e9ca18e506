"""Who wants to be told of a task."""

from uuid import UUID, uuid4

import msgspec
from a2a.types.a2a_pb2 import AuthenticationInfo, TaskPushNotificationConfig

from app.domain.a2a.errors import BadParams, PushConfigNotFound, TooManyPushConfigs
from app.domain.a2a.models import PushConfig
from app.domain.a2a.push.signing import NotOurs, PushKeys
from app.domain.a2a.repository import PushRepository
from app.domain.accounts.schemas import Principal
from app.domain.runs.schemas import RunView
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy

MOST_OF_A_TASK = 10
MOST_OF_A_USER = 100
"""Of tasks of which something may still be told."""
MAX_TEXT = 4_000
OLD, NEW = "0.3", "1.0"


class Receiver(msgspec.Struct, frozen=True):
    url: str
    token: str = ""
    scheme: str = ""
    credentials: str = ""


class PushConfigs:
    def __init__(self, db: Database, clock: Clock, keys: PushKeys, egress: Policy) -> None:
        self._db = db
        self._clock = clock
        self._keys = keys
        self._egress = egress

    def check(self, config: TaskPushNotificationConfig) -> None:
        """Raises EgressRefused, or BadParams."""
        self._egress.check_url(config.url)
        given = (config.id, config.token, config.authentication.scheme, config.authentication.credentials)
        if any(len(text) > MAX_TEXT or not text.isprintable() or not text.isascii() for text in given):
            raise BadParams("a token and credentials are printable ASCII, and not too long")
        if len(config.id) > 128:  # noqa: PLR2004 - its column
            raise BadParams("an id has at most 128 characters")

    async def check_room(self, user: Principal) -> None:
        """Before a task is begun that would have one. Raises TooManyPushConfigs."""
        async with self._db.reading() as db_session:
            if await PushRepository(db_session).count(user.user_id) >= MOST_OF_A_USER:
                raise TooManyPushConfigs(MOST_OF_A_USER)

    async def put(
        self, user: Principal, run: RunView, config: TaskPushNotificationConfig, *, old: bool, told_seq: int
    ) -> TaskPushNotificationConfig:
        """From the event after `told_seq` on. One of the same id is replaced. Raises TooManyPushConfigs."""
        config_id = config.id or str(uuid4())
        given = config.authentication
        receiver = Receiver(config.url, config.token, given.scheme, given.credentials)
        now = self._clock.now()
        async with self._db.writing() as db_session:
            configs = PushRepository(db_session)
            await configs.lock(user.user_id)
            known = await configs.find(run.id, config_id)
            if known is None and await configs.count(user.user_id, run.id) >= MOST_OF_A_TASK:
                raise TooManyPushConfigs(MOST_OF_A_TASK)
            if known is None and await configs.count(user.user_id) >= MOST_OF_A_USER:
                raise TooManyPushConfigs(MOST_OF_A_USER)
            await configs.put(
                PushConfig(
                    run_id=run.id,
                    id=config_id,
                    owner_id=user.user_id,
                    dialect=OLD if old else NEW,
                    sealed=self._keys.seal(msgspec.json.encode(receiver), _bound(run.id, config_id)),
                    told_seq=told_seq if known is None else known.told_seq,
                    tries=0,
                    due_at=now,
                    created_at=now if known is None else known.created_at,
                )
            )
        return _told(run.id, config_id, receiver)

    async def get(self, run_id: UUID, config_id: str) -> TaskPushNotificationConfig:
        """Without the credentials. Raises PushConfigNotFound."""
        async with self._db.reading() as db_session:
            found = await PushRepository(db_session).find(run_id, config_id)
        if found is None:
            raise PushConfigNotFound
        return self._shown(found)

    async def all(self, run_id: UUID) -> list[TaskPushNotificationConfig]:
        async with self._db.reading() as db_session:
            return [self._shown(config) for config in await PushRepository(db_session).of_run(run_id)]

    async def delete(self, run_id: UUID, config_id: str) -> None:
        """What is not there is gone already."""
        async with self._db.writing() as db_session:
            await PushRepository(db_session).remove(run_id, config_id)

    def receiver(self, config: PushConfig) -> Receiver:
        """Raises NotOurs where the server's secret has changed since."""
        opened = self._keys.open(config.sealed, _bound(config.run_id, config.id))
        return msgspec.json.decode(opened, type=Receiver)

    def _shown(self, config: PushConfig) -> TaskPushNotificationConfig:
        try:
            receiver = self.receiver(config)
        except NotOurs:
            raise PushConfigNotFound from None
        return _told(config.run_id, config.id, msgspec.structs.replace(receiver, credentials=""))


def _bound(run_id: UUID, config_id: str) -> bytes:
    return run_id.bytes + config_id.encode()


def _told(run_id: UUID, config_id: str, receiver: Receiver) -> TaskPushNotificationConfig:
    told = TaskPushNotificationConfig(id=config_id, task_id=str(run_id), url=receiver.url, token=receiver.token)
    if receiver.scheme:
        told.authentication.CopyFrom(AuthenticationInfo(scheme=receiver.scheme, credentials=receiver.credentials))
    return told
