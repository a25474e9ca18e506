"""Runs, put together once for the whole application: their log, what executes them, and who may follow on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import structlog
from litestar import Litestar
from litestar.di import Provide

from app.domain.accounts.schemas import Principal
from app.domain.accounts.service import Authenticator
from app.domain.runs.engine import Engine
from app.domain.runs.execute import Executor
from app.domain.runs.records import RunRecords
from app.domain.runs.service import Runs
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.providers.credentials import server_credentials
from app.lib.providers.registry import Registry
from app.lib.runlog.hub import Hub
from app.lib.runlog.log import LogWriter
from app.lib.runlog.postgres import PostgresLogStore
from app.lib.runlog.sqlite import SqliteLogStore
from app.lib.runlog.store import LogStore
from app.server.lifespan import Stopping
from app.server.settings import Settings

DEFAULT_MODELS = {"openai": "openai/gpt-5-mini"}
DEMO_MODEL = "demo/todo"
RECHECK_SECONDS = 2.0
"""A reader whose login ended is closed within this time."""

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    runs: Runs
    engine: Engine
    hub: Hub
    registry: Registry
    authenticator: Authenticator

    @property
    def dependencies(self) -> dict[str, Provide]:
        return {name: Provide(lambda: self.runs, sync_to_thread=False) for name in ("runs", "remover")}

    @asynccontextmanager
    async def lifespan(self, app: Litestar) -> AsyncIterator[None]:
        """Runs are executed from here on; when the process is told to stop, readers and then runs are let go."""
        stopping: Stopping = app.state.stopping
        stopping.on_set(self.hub.close)
        async with self.registry, self.engine.running(), anyio.create_task_group() as tasks:
            tasks.start_soon(self._close_ended_logins)
            yield
            tasks.cancel_scope.cancel()

    async def _close_ended_logins(self) -> None:
        while True:
            await anyio.sleep(RECHECK_SECONDS)
            try:
                principals = [group for group in self.hub.groups() if isinstance(group, Principal)]
                for principal in await self.authenticator.no_longer_valid(principals):
                    self.hub.close_group(principal)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot recheck logins", error=type(error).__name__)


def build_running(
    settings: Settings, *, db: Database, clock: Clock, registry: Registry, authenticator: Authenticator
) -> Running:
    hub = Hub()
    writer = LogWriter(_store(db, settings), hub, max_run_bytes=settings.run_max_bytes)
    records = RunRecords(
        db,
        clock,
        lease_seconds=settings.run_lease,
        monthly_requests=settings.monthly_requests,
        sole_owner=db.is_sqlite,
    )
    executor = Executor(
        records, writer, registry, max_turns=settings.max_turns, timeout_seconds=settings.stream_timeout
    )
    engine = Engine(
        executor,
        records,
        writer,
        lease_seconds=settings.run_lease,
        heartbeat_seconds=settings.stream_heartbeat,
    )
    runs = Runs(
        db,
        clock,
        engine,
        writer,
        registry,
        default_model=default_model(settings, registry),
        heartbeat_seconds=settings.stream_heartbeat,
        streaming=settings.streaming_enabled,
    )
    return Running(runs, engine, hub, registry, authenticator)


def build_registry(settings: Settings) -> Registry:
    """With the server's own keys, as far as users may borrow them."""
    lend = settings.lend_providers
    key = settings.openai_api_key
    return Registry(
        server_credentials(
            openai_api_key=key.get_secret_value() if key else None,
            openai_base_url=settings.openai_base_url,
            lend=lend if lend is not None else (None if settings.on_loopback else ()),
        )
    )


def default_model(settings: Settings, registry: Registry) -> str:
    """What the operator chose, else a model of the first provider with a key, else the demo."""
    lent = (DEFAULT_MODELS[provider] for provider in DEFAULT_MODELS if provider in registry.lent)
    return settings.default_model or next(lent, DEMO_MODEL)


def _store(db: Database, settings: Settings) -> LogStore:
    kind = SqliteLogStore if db.is_sqlite else PostgresLogStore
    return kind(db, lease_seconds=settings.run_lease)
