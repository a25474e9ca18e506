"""The vault, put together once for the whole application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

import anyio
import msgspec
import structlog
from litestar import Litestar
from litestar.di import Provide

from app.domain.accounts.service import AccessService, Tries
from app.domain.quotas.service import Usages
from app.domain.runs.service import Runs
from app.domain.secrets.schemas import UsageDay, UsageReport
from app.domain.secrets.service import (
    ActiveRuns,
    Checks,
    Endings,
    Node,
    Oversight,
    Reveals,
    Secrets,
    Trail,
    UsageDesk,
    Vault,
    open_uses,
)
from app.lib.clock import Clock
from app.lib.crypto.ring import Ring
from app.lib.db.engine import DATABASE_ERRORS, Database
from app.lib.egress.policy import Policy
from app.lib.providers.registry import Registry

SHRED_SECONDS = 30.0
LEAVE_SECONDS = 1.0

logger = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Vaulting:
    ring: Ring
    vault: Vault
    """Opens keys for runs."""
    endings: Endings
    dependencies: dict[str, Provide]
    secrets: Secrets
    node: Node

    @asynccontextmanager
    async def lifespan(self, app: Litestar) -> AsyncIterator[None]:
        """From here on the other nodes know of this one and its keys."""
        runs: Runs = app.state.runs
        try:
            await self.node.beat()
        except DATABASE_ERRORS as error:
            logger.warning("the other nodes cannot be told of", error=type(error).__name__)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.node.run)
            tasks.start_soon(self._shred_old, runs.active)
            yield
            tasks.cancel_scope.cancel()
        with anyio.move_on_after(LEAVE_SECONDS, shield=True):
            await self.node.leave()
            await self.vault.close()

    async def _shred_old(self, active: ActiveRuns) -> None:
        while True:
            try:
                await self.secrets.shred_old(active)
            except Exception as error:  # noqa: BLE001 - the database is away, or the vault sealed: there is a next time
                logger.warning("old versions of secrets cannot be shredded", error=type(error).__name__)
            await anyio.sleep(SHRED_SECONDS)


def build_vault(
    ring: Ring,
    *,
    db: Database,
    clock: Clock,
    egress: Policy,
    registry: Registry,
    access: AccessService,
    usages: Usages,
) -> Vaulting:
    secrets = Secrets(db, ring, clock, egress)
    doors = {
        "secrets": secrets,
        "checks": Checks(secrets, registry, Tries(db, clock)),
        "reveals": Reveals(secrets, access),
        "trail": Trail(db, ring),
        "desk": usage_desk(db, usages),
        "oversight": Oversight(db, ring, clock),
    }
    provided = {name: _always(door) for name, door in doors.items()}
    vault = Vault(db, ring, clock, uses=open_uses(db))
    return Vaulting(ring, vault, Endings(db, clock), provided, secrets, Node(db, ring))


def usage_desk(db: Database, usages: Usages) -> UsageDesk:
    """What secrets were used for is in the ledger, of which `secrets` knows nothing."""
    return UsageDesk(db, partial(_report, usages))


async def _report(usages: Usages, owner_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> UsageReport:
    used = await usages.of_secret(owner_id, secret_id, limit=limit, offset=offset)
    return UsageReport(
        items=msgspec.convert(used.days, list[UsageDay], from_attributes=True),
        total=used.total,
        limit=limit,
        offset=offset,
        last_error=used.last_error,
        last_error_at=used.last_error_at,
    )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)
