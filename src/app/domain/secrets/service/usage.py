"""What a secret was used for, told to its owner. It is counted where calls of providers are."""

from collections.abc import Awaitable
from typing import Protocol
from uuid import UUID

from app.domain.secrets.errors import SecretNotFound
from app.domain.secrets.repository.rows import SecretRepository
from app.domain.secrets.schemas import UsageReport
from app.lib.db.engine import Database


class Report(Protocol):
    """Whoever keeps the ledger of calls."""

    def __call__(self, owner_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> Awaitable[UsageReport]: ...


class UsageDesk:
    def __init__(self, db: Database, report: Report) -> None:
        self._db = db
        self._report = report

    async def report(self, owner_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> UsageReport:
        async with self._db.reading() as db_session:
            if await SecretRepository(db_session).find(secret_id, owner_id) is None:
                raise SecretNotFound(secret_id)
        return await self._report(owner_id, secret_id, limit=limit, offset=offset)
