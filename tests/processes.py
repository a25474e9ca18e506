"""What executes runs, as often as a test likes, on one database: each is as a process of its own, and can die."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import anyio
from anyio.abc import TaskGroup

from app.domain.accounts.models import Role
from app.domain.accounts.schemas import Principal
from app.domain.runs.admission import Place
from app.domain.runs.callers import Callers
from app.domain.runs.engine import Engine
from app.domain.runs.execute import Executor, Outcome
from app.domain.runs.records import Claim, RunRecords
from app.domain.runs.schemas import MessageIn, StartRun
from app.domain.runs.service import Runs
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.lib.providers.credentials import server_credentials
from app.lib.providers.registry import Registry
from app.lib.runlog.hub import Hub
from app.lib.runlog.log import LogWriter
from app.lib.runlog.postgres import PostgresLogStore
from app.lib.runlog.sqlite import SqliteLogStore
from app.lib.runlog.store import LogStore, Write
from app.server.limiting import build_limiting
from app.server.settings import Settings
from tests.keys import Keyring
from tests.limits import UNLIMITED
from tests.wires.chat import ChatWire

LEASE = 15.0


class MortalStore:
    """A store whose process dies as it writes for the nth time, or a step of that kind.

    Nothing of that is stored, or all of it where the process dies right `after`.
    """

    def __init__(self, store: LogStore, dies_at: int | str | None, tasks: TaskGroup, *, after: bool) -> None:
        self._store = store
        self._dies_at = dies_at
        self._after = after
        self._tasks = tasks
        self.writes = 0
        self.died = False

    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        self.writes += 1
        kinds = {step.kind for write in writes for step in write.steps}
        if self.writes == self._dies_at or self._dies_at in kinds:
            self.died = True
            if self._after:
                await self._store.write(writes)
            self._tasks.cancel_scope.cancel()
            await anyio.sleep_forever()
        return await self._store.write(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class _Waiting(Engine):
    """Keeps what is submitted, for a process to execute."""

    def __init__(self) -> None:
        self.owner = "starter"
        self.lease_seconds = LEASE
        self.claims: list[Claim] = []

    def admit(self) -> Place:
        return Place(lambda: None)

    def submit(self, claim: Claim, place: Place) -> None:
        self.claims.append(claim)


class Machine:
    def __init__(self, db: Database, registry: Registry, *, hold_seconds: float = 30.0) -> None:
        self.db = db
        self._callers = Callers(registry, Keyring(), db)
        self._hold_seconds = hold_seconds
        self._limiting = build_limiting(Settings.model_validate(UNLIMITED), db=db, clock=SystemClock())
        self.records = RunRecords(
            db,
            SystemClock(),
            self._limiting.metering,
            self._limiting.usages,
            lease_seconds=LEASE,
            sole_owner=True,
        )

    async def start(self, owner_id: UUID, agent: str, words: str) -> Claim:
        """Store a run. Nobody executes it yet."""
        engine = _Waiting()
        writer = LogWriter(self._store(), Hub(), max_run_bytes=1_000_000)
        runs = Runs(
            self.db,
            SystemClock(),
            engine,
            writer,
            self._callers,
            gate=self._limiting.gate,
            metering=self._limiting.metering,
            default_model="openai/fake",
            heartbeat_seconds=10,
            streaming=True,
        )
        user = Principal(user_id=owner_id, role=Role.USER, time_zone="UTC", family_id=None, token_id="t")
        await runs.start(user, agent, StartRun(messages=[MessageIn(role="user", content=words)]))
        return engine.claims[0]

    async def process(
        self, run_id: UUID, claim: Claim | None = None, *, dies_at: int | str | None = None, after: bool = False
    ) -> tuple[Outcome | None, int]:
        """Execute the run in a process of its own that may die. Returns what came of it, and how often it wrote."""
        outcome: Outcome | None = None
        real = self._store()
        async with anyio.create_task_group() as tasks:
            store = MortalStore(real, dies_at, tasks, after=after)
            writer = LogWriter(cast("LogStore", store), Hub(), max_run_bytes=1_000_000)
            executor = Executor(
                self.records,
                writer,
                self._callers,
                on_change=lambda _: None,
                max_turns=20,
                timeout_seconds=30,
                hold_seconds=self._hold_seconds,
            )
            tasks.start_soon(writer.run)
            outcome = await executor.execute(run_id, owner=uuid4().hex, claim=claim)
            tasks.cancel_scope.cancel()
        await real.close()
        return outcome, store.writes

    def _store(self) -> LogStore:
        return (SqliteLogStore if self.db.is_sqlite else PostgresLogStore)(self.db, lease_seconds=LEASE)


@asynccontextmanager
async def machine(db: Database, wire: ChatWire, **options: Any) -> AsyncIterator[Machine]:
    credentials = server_credentials(openai_api_key="sk-test-0123456789", openai_base_url=wire.url, lend=None)
    async with Registry(credentials) as registry:
        yield Machine(db, registry, **options)
