"""Runs, put together once for the whole application: their log, what executes them, and who may follow on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import structlog
from litestar import Litestar
from litestar.di import Provide
from pydantic import SecretStr

from app.domain.accounts.schemas import Principal
from app.domain.accounts.service import Authenticator
from app.domain.providers.keys import Keys
from app.domain.providers.service import DEMO_MODEL, Providers
from app.domain.runs.admission import Admission
from app.domain.runs.callers import Callers
from app.domain.runs.engine import Engine
from app.domain.runs.execute import Executor
from app.domain.runs.notices import SecretExpiringNotice
from app.domain.runs.records import RunRecords
from app.domain.runs.retention import Retention
from app.domain.runs.service import Runs
from app.domain.runs.socket.news import RunNews
from app.domain.runs.socket.sockets import Sockets
from app.domain.runs.socket.wire import Codec
from app.domain.secrets.service import Ending, Endings
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.lib.providers.credentials import ApiKey, BedrockKeys, server_credentials
from app.lib.providers.demo.conformance import ConformanceWire
from app.lib.providers.errors import BadKey
from app.lib.providers.registry import WIRES, Registry, is_known
from app.lib.runlog.hub import Hub
from app.lib.runlog.log import LogWriter
from app.lib.runlog.postgres import PostgresLogStore
from app.lib.runlog.pressure import Pressure
from app.lib.runlog.remote import RemoteRuns
from app.lib.runlog.sqlite import SqliteLogStore
from app.lib.runlog.store import LogStore
from app.lib.runlog.wake.postgres import PostgresLine
from app.lib.runlog.wake.redis import RedisLine
from app.lib.runlog.wake.waker import Line, Waker
from app.server.bodies import checked_json
from app.server.lifespan import Stopping
from app.server.limiting import Limiting
from app.server.problems import explained
from app.server.settings import BadSettings, Settings

DEFAULT_MODELS = {"openai": "openai/gpt-5-mini", "anthropic": "anthropic/claude-sonnet-5-5"}
RECHECK_SECONDS = 2.0
"""A reader whose login ended is closed within this time."""
WARN_SECONDS = 60.0

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Running:
    runs: Runs
    providers: Providers
    engine: Engine
    writer: LogWriter
    hub: Hub
    sockets: Sockets
    waker: Waker
    remote: RemoteRuns
    news: RunNews
    registry: Registry
    authenticator: Authenticator
    pressure: Pressure
    retention: Retention
    endings: Endings
    limiting: Limiting

    @property
    def dependencies(self) -> dict[str, Provide]:
        runs = {name: Provide(lambda: self.runs, sync_to_thread=False) for name in ("runs", "remover")}
        return {
            **runs,
            **self.limiting.dependencies,
            "providers": Provide(lambda: self.providers, sync_to_thread=False),
            "sockets": Provide(lambda: self.sockets, sync_to_thread=False),
        }

    @asynccontextmanager
    async def lifespan(self, app: Litestar) -> AsyncIterator[None]:
        """Runs are executed from here on; when the process is told to stop, readers and then runs are let go."""
        stopping: Stopping = app.state.stopping
        # The sockets first: they say themselves why their runs go quiet.
        stopping.on_set(self.sockets.leave)
        stopping.on_set(self.hub.close)
        await self.writer.connect()
        async with (
            self.registry,
            self.waker.running(),
            self.limiting.running(),
            self.engine.running(),
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(self.remote.run)
            tasks.start_soon(self.news.run)
            tasks.start_soon(self._close_ended_logins)
            tasks.start_soon(self._warn_of_endings)
            tasks.start_soon(self.pressure.run)
            tasks.start_soon(self.retention.run)
            yield
            tasks.cancel_scope.cancel()

    async def _close_ended_logins(self) -> None:
        while True:
            await anyio.sleep(RECHECK_SECONDS)
            try:
                groups = self.hub.groups() | self.sockets.users()
                principals = [group for group in groups if isinstance(group, Principal)]
                for principal in await self.authenticator.no_longer_valid(principals):
                    self.sockets.end_login(principal)
                    self.hub.close_group(principal)
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot recheck logins", error=type(error).__name__)

    async def _warn_of_endings(self) -> None:
        """Who comes is told at once of secrets that end soon, and who is here as soon as that is so."""
        while True:
            arrival = self.sockets.arrival
            try:
                soon = await self.endings.soon(set(self.sockets.user_ids()))
                for user_id, found in soon.items():
                    for ending in found:
                        self.sockets.notify(user_id, _notice(ending))
            except Exception as error:  # noqa: BLE001 - the database is away: there is a next time
                logger.warning("cannot look for secrets that end soon", error=type(error).__name__)
            with anyio.move_on_after(WARN_SECONDS):
                await arrival.wait()


def build_running(
    settings: Settings,
    *,
    db: Database,
    clock: Clock,
    registry: Registry,
    keys: Keys,
    authenticator: Authenticator,
    endings: Endings,
    limiting: Limiting,
) -> Running:
    hub = Hub()
    writer = LogWriter(_store(db, settings), hub, max_run_bytes=settings.run_max_bytes)
    waker = Waker(_line(db, settings))
    records = RunRecords(
        db,
        clock,
        limiting.metering,
        limiting.usages,
        lease_seconds=settings.run_lease,
        sole_owner=db.is_sqlite,
    )
    callers = Callers(registry, keys, db)
    sockets = Sockets(Codec(checked_json, explained), send_seconds=settings.stream_idle_timeout)
    news = RunNews(sockets, waker, records.now)
    executor = Executor(
        records,
        writer,
        callers,
        on_change=news.changed,
        max_turns=settings.max_turns,
        timeout_seconds=settings.stream_timeout,
        hold_seconds=settings.pause_hold,
    )
    pressure = Pressure(writer, processes=settings.workers)
    admission = Admission(max_runs=settings.max_active_runs, max_readers=settings.max_readers, admits=pressure.admits)
    engine = Engine(
        executor,
        records,
        writer,
        waker,
        admission,
        lease_seconds=settings.run_lease,
        park_seconds=settings.pause_limit,
        heartbeat_seconds=settings.stream_heartbeat,
    )
    runs = Runs(
        db,
        clock,
        engine,
        writer,
        callers,
        gate=limiting.gate,
        metering=limiting.metering,
        default_model=default_model(settings, registry),
        heartbeat_seconds=settings.stream_heartbeat,
        streaming=settings.streaming_enabled,
    )
    remote = RemoteRuns(hub, writer.store, waker)
    retention = Retention(db, clock, days=settings.log_retention)
    return Running(
        runs,
        Providers(registry, keys, default_model=default_model(settings, registry)),
        engine,
        writer,
        hub,
        sockets,
        waker,
        remote,
        news,
        registry,
        authenticator,
        pressure,
        retention,
        endings,
        limiting,
    )


def _notice(ending: Ending) -> SecretExpiringNotice:
    return SecretExpiringNotice(
        detail=f"The secret {ending.name!r} ends within {ending.days} {'day' if ending.days == 1 else 'days'}.",
        secret_id=ending.secret_id,
        expires_at=ending.ends_at,
        days=ending.days,
    )


def check_providers(settings: Settings) -> None:
    """Raises BadSettings for what would fail only when somebody asks for a model."""
    if settings.default_model and not is_known(settings.default_model):
        raise BadSettings(
            f"HEADGATE_DEFAULT_MODEL: must be provider/model, where the provider is one of {', '.join(WIRES)}, demo"
        )
    for name in settings.lend_providers or ():
        if name not in WIRES:
            raise BadSettings(f"HEADGATE_LEND_PROVIDERS: {name[:40]!r} is not one of {', '.join(WIRES)}")
    keys = {
        "OPENAI_API_KEY": settings.openai_api_key,
        "ANTHROPIC_API_KEY": settings.anthropic_api_key,
        "AWS_BEARER_TOKEN_BEDROCK": settings.aws_bearer_token_bedrock,
        "AWS_SECRET_ACCESS_KEY": settings.aws_secret_access_key,
        "AWS_SESSION_TOKEN": settings.aws_session_token,
    }
    for variable, key in keys.items():
        try:
            if key:
                ApiKey(key.get_secret_value())
        except BadKey as error:
            raise BadSettings(f"{variable}: {error.detail}") from None


def build_registry(settings: Settings) -> Registry:
    """With the server's own keys, as far as users may borrow them."""
    lend = settings.lend_providers
    return Registry(
        server_credentials(
            openai_api_key=_revealed(settings.openai_api_key),
            openai_base_url=settings.openai_base_url,
            anthropic_api_key=_revealed(settings.anthropic_api_key),
            anthropic_base_url=settings.anthropic_base_url,
            bedrock=BedrockKeys(
                bearer=_revealed(settings.aws_bearer_token_bedrock),
                access_key_id=_revealed(settings.aws_access_key_id),
                secret_access_key=_revealed(settings.aws_secret_access_key),
                session_token=_revealed(settings.aws_session_token),
                region=settings.bedrock_region,
                endpoint_url=settings.bedrock_endpoint_url,
            ),
            lend=lend if lend is not None else (None if settings.on_loopback else ()),
        ),
        egress=Policy(settings.egress_allow),
        conformance=ConformanceWire(settings.tck_streaming_timeout) if settings.a2a_conformance else None,
    )


def _revealed(key: SecretStr | None) -> str | None:
    return key.get_secret_value() if key else None


def default_model(settings: Settings, registry: Registry) -> str:
    """What the operator chose, else a model of the first provider with a key, else the demo."""
    lent = (DEFAULT_MODELS[provider] for provider in DEFAULT_MODELS if provider in registry.lent)
    return settings.default_model or next(lent, DEMO_MODEL)


def _line(db: Database, settings: Settings) -> Line | None:
    """SQLite has one process, which need not talk to itself."""
    if db.is_sqlite:
        return None
    if settings.redis_url is None:
        return PostgresLine(db)
    return RedisLine(settings.redis_url.get_secret_value(), f"headgate:{db.url.database}")


def _store(db: Database, settings: Settings) -> LogStore:
    kind = SqliteLogStore if db.is_sqlite else PostgresLogStore
    return kind(db, lease_seconds=settings.run_lease)
