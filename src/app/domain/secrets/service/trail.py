"""The audit trail, to be read and checked."""

from collections.abc import AsyncIterator
from uuid import UUID

from app.domain.secrets.schemas import AuditList, AuditVerdict
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database


class Trail:
    def __init__(self, db: Database, ring: Ring) -> None:
        self._db = db
        self._ring = ring

    async def page(
        self, *, owner_id: UUID | None = None, secret_id: UUID | None = None, limit: int, offset: int
    ) -> AuditList:
        """The newest first. Without an owner: of everyone, for auditors."""
        raise NotImplementedError

    def export(self, owner_id: UUID | None = None) -> AsyncIterator[bytes]:
        """JSON lines, the oldest first; as many at a time as one write should have."""
        raise NotImplementedError

    async def verify(self, owner_id: UUID) -> AuditVerdict:
        """Whether every row is there and as it was written."""
        raise NotImplementedError

    async def owners(self) -> list[UUID]:
        """Whose trails there are."""
        raise NotImplementedError
