"""What the gate costs one start: this process's CPU for a transaction that passes it, less one that does not.

Neither does anything else. Both come in turns, so that whatever slows the machine down slows both.
"""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from uuid import UUID

import anyio
import msgspec
from sqlalchemy import text
from uuid_utils.compat import uuid7

from app.domain.accounts.models import UserAccount
from app.domain.quotas.service import Gate
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.server import migrations
from app.server.limiting import Limiting, build_limiting
from app.server.settings import Settings
from tests.postgres import postgres_server
from tests.valkey import valkey_server

STARTS, TURNS = 10, 200
"""Of starts each user has as many as the rate limit allows: windows are as long as in life."""


class GateCost(msgspec.Struct, frozen=True):
    """Milliseconds of CPU a start."""

    where: str
    median: float
    least: float
    """Of the quietest turns."""


async def gates() -> list[GateCost]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        costs = [await _measured("SQLite", f"sqlite+aiosqlite:///{folder / 'headgate.db'}")]
        with postgres_server(folder / "postgres") as postgres, valkey_server(folder) as valkey:
            url = postgres.url("postgres")
            costs.append(await _measured("PostgreSQL", url))
            costs.append(await _measured("PostgreSQL and Redis", url, valkey.url))
    return costs


async def cost_of(limiting: Limiting, db: Database, where: str, *, turns: int = TURNS) -> GateCost:
    users = await _users(db, (turns + 1) * STARTS // limiting.settings.rate_limit_per_minute)
    starts = cycle(users)
    await _turn(db, starts, limiting.gate)
    with_gate, without = [], []
    for _ in range(turns):
        with_gate.append(await _turn(db, starts, limiting.gate))
        without.append(await _turn(db, starts, None))
    differences = [one - other for one, other in zip(with_gate, without, strict=True)]
    return GateCost(where, median(differences), min(with_gate) - min(without))


async def _turn(db: Database, users: Iterator[UUID], gate: Gate | None) -> float:
    began = time.process_time()
    for _ in range(STARTS):
        async with db.writing() as db_session:
            await db_session.execute(text("SELECT 1"))  # what begins the transaction is not the gate's
            if gate is not None:
                async with gate.passage(next(users), uuid7()) as passage:
                    await passage.enter(db_session)
    return (time.process_time() - began) * 1000 / STARTS


async def _measured(where: str, database_url: str, redis_url: str | None = None) -> GateCost:
    settings = Settings.model_validate({"redis_url": redis_url})
    async with _migrated(database_url) as db:
        limiting = build_limiting(settings, db=db, clock=SystemClock())
        async with limiting.running():
            return await cost_of(limiting, db, where)


@asynccontextmanager
async def _migrated(url: str) -> AsyncIterator[Database]:
    db = Database(url)
    await migrations.upgrade(db)
    yield db
    with anyio.CancelScope(shield=True):
        await db.close()


async def _users(db: Database, count: int) -> list[UUID]:
    async with db.writing() as db_session:
        users = [UserAccount(email=f"{uuid7().hex}@example.com") for _ in range(count)]
        db_session.add_all(users)
        await db_session.flush()
        return [user.id for user in users]
