"""Limits and usage, put together once for the whole application."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

import msgspec
from litestar.di import Provide

from app.domain.quotas.prices import stored
from app.domain.quotas.schemas import Limits
from app.domain.quotas.service import Gate, Metering, Usages
from app.domain.runs.records import ACTIVE_RUNS
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.resilience.windows.memory import MemoryWindows
from app.lib.resilience.windows.redis import RedisWindows
from app.lib.resilience.windows.window import Windows
from app.server.settings import Settings

Counting = Literal["counted", "not counted, let through", "not counted, refused"]


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """Whether limits can be counted, and what becomes of starts and calls where not."""

    rate_limit: Counting
    quota: Counting


@dataclass(frozen=True, slots=True)
class Limiting:
    gate: Gate
    metering: Metering
    usages: Usages
    redis: RedisWindows | None
    settings: Settings

    @property
    def dependencies(self) -> dict[str, Provide]:
        return {"usages": Provide(lambda: self.usages, sync_to_thread=False)}

    @property
    def view(self) -> LimitsView:
        rate_fails = self.redis is not None and self.redis.failing
        return LimitsView(
            rate_limit=_counting(self.settings.rate_limit_fail, fails=rate_fails),
            quota=_counting(self.settings.quota_fail, fails=self.metering.failing),
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if self.redis is not None:
                await stack.enter_async_context(self.redis.running())
            yield


def build_limiting(settings: Settings, *, db: Database, clock: Clock) -> Limiting:
    defaults = _defaults(settings)
    redis = None
    windows: Windows | None = None
    if db.is_sqlite:
        windows = MemoryWindows(clock)  # one process, which need not share them
    elif settings.redis_url is not None:
        windows = redis = RedisWindows(settings.redis_url.get_secret_value(), f"headgate:{db.url.database}:rate:")
    gate = Gate(
        clock,
        defaults,
        windows,
        active_runs=ACTIVE_RUNS,
        rate_fails_open=settings.rate_limit_fail == "open",
        tells=settings.rate_limit_headers,
    )
    metering = Metering(db, clock, defaults, fails_open=settings.quota_fail == "open")
    return Limiting(gate, metering, Usages(db, gate), redis, settings)


def _defaults(settings: Settings) -> Limits:
    cost = settings.monthly_cost_usd
    return Limits(
        rate_limit_per_minute=settings.rate_limit_per_minute,
        concurrent_runs=settings.max_concurrent_runs,
        monthly_requests=settings.monthly_requests,
        monthly_tokens=settings.monthly_tokens,
        monthly_cost=None if cost is None else stored(str(Decimal(str(cost)))),
    )


def _counting(fail: Literal["open", "closed"], *, fails: bool) -> Counting:
    if not fails:
        return "counted"
    return "not counted, let through" if fail == "open" else "not counted, refused"
