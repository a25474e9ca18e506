"""A2A, put together once for the whole application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
from litestar import Litestar
from litestar.di import Provide

from app.domain.a2a.cards import Cards
from app.domain.a2a.controllers import Front
from app.domain.a2a.dispatch import Door
from app.domain.a2a.handler import Handler
from app.domain.a2a.push import PushConfigs, PushKeys, PushWorker
from app.domain.a2a.service import Tasks
from app.domain.runs.lookup import Lookup
from app.domain.runs.service import Runs
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.server.health import VERSION
from app.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Abroad:
    front: Front
    worker: PushWorker

    @property
    def dependencies(self) -> dict[str, Provide]:
        return {"a2a": Provide(lambda: self.front, sync_to_thread=False)}

    @asynccontextmanager
    async def lifespan(self, app: Litestar) -> AsyncIterator[None]:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.worker.run)
            yield
            tasks.cancel_scope.cancel()


def build_abroad(settings: Settings, *, db: Database, clock: Clock, runs: Runs, secret: str) -> Abroad:
    """`secret`: what the instance's access tokens are signed with."""
    lookup = Lookup(db)
    egress = Policy(settings.egress_allow)
    keys = PushKeys(secret)
    tasks = Tasks(runs, lookup, conformance_on=settings.a2a_conformance)
    configs = PushConfigs(db, clock, keys, egress)
    cards = Cards(db, version=VERSION, default_agent=tasks.default_agent, streaming=settings.streaming_enabled)
    front = Front(Door(Handler(tasks, cards, configs)), tasks, cards, keys, public_url=settings.public_url)
    worker = PushWorker(db, clock, runs, lookup, configs=configs, keys=keys, egress=egress, issuer=settings.origin)
    return Abroad(front, worker)
