"""The audit trail, to be read and checked."""

import hmac
from collections.abc import AsyncIterator, Sequence
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement

from app.domain.secrets.errors import TrailTampered, VaultSealed
from app.domain.secrets.models import AuditRow
from app.domain.secrets.repository import TrailRepository
from app.domain.secrets.schemas import AuditList, AuditVerdict
from app.domain.secrets.service.chain import BEGINNING, head_mac, mac_of, trail_key
from app.domain.secrets.service.views import audit_entry
from app.lib.crypto.envelope import Envelope
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database

_AT_ONCE = 500


class Trail:
    def __init__(self, db: Database, ring: Ring) -> None:
        self._db = db
        self._envelope = Envelope(ring)

    async def page(
        self, *, owner_id: UUID | None = None, secret_id: UUID | None = None, limit: int, offset: int
    ) -> AuditList:
        """The newest first. Without an owner: of everyone, for auditors."""
        where: list[ColumnElement[bool]] = []
        if owner_id is not None:
            where.append(AuditRow.owner_id == owner_id)
        if secret_id is not None:
            where.append(AuditRow.secret_id == secret_id)
        async with self._db.reading() as db_session:
            rows, total = await TrailRepository(db_session).page(*where, limit=limit, offset=offset)
        return AuditList(items=[audit_entry(row) for row in rows], total=total, limit=limit, offset=offset)

    async def export(self, owner_id: UUID | None = None) -> AsyncIterator[bytes]:
        """JSON lines, the oldest first; as many at a time as one write should have."""
        for owner in [owner_id] if owner_id is not None else await self.owners():
            async for rows in self._rows(owner):
                yield b"".join(msgspec.json.encode(audit_entry(row)) + b"\n" for row in rows)

    async def verify(self, owner_id: UUID) -> AuditVerdict:
        """Whether every row is there and as it was written."""
        async with self._db.reading() as db_session:
            head = await TrailRepository(db_session).head(owner_id, hold=False)
        if head is None:
            return AuditVerdict(owner_id=owner_id, rows=0, broken_at=0, reason="head")
        key: bytes | None = None
        try:
            key = trail_key(self._envelope, head)
        except VaultSealed:
            return AuditVerdict(owner_id=owner_id, rows=head.count, reason="sealed")
        except TrailTampered:
            pass  # told below
        if key is None or not hmac.compare_digest(head_mac(key, head), head.mac):
            return AuditVerdict(owner_id=owner_id, rows=0, broken_at=0, reason="head")
        return await self._walked(owner_id, key, head.count, head.last_mac)

    async def owners(self) -> Sequence[UUID]:
        """Whose trails there are."""
        async with self._db.reading() as db_session:
            return await TrailRepository(db_session).owners()

    async def _walked(self, owner_id: UUID, key: bytes, count: int, last_mac: bytes) -> AuditVerdict:
        seen, before = 0, BEGINNING
        async for rows in self._rows(owner_id):
            for row in rows:
                if seen == count:
                    break  # written since the head was read
                reason: Literal["", "missing", "edited"] = ""
                if row.seq != seen + 1:
                    reason = "missing"
                elif not hmac.compare_digest(mac_of(key, before, row), row.mac):
                    reason = "edited"
                if reason:
                    return AuditVerdict(owner_id=owner_id, rows=count, broken_at=seen + 1, reason=reason)
                seen, before = row.seq, row.mac
        if seen < count:
            return AuditVerdict(owner_id=owner_id, rows=count, broken_at=seen + 1, reason="cut_off")
        if not hmac.compare_digest(before, last_mac):
            return AuditVerdict(owner_id=owner_id, rows=count, broken_at=seen, reason="edited")
        return AuditVerdict(owner_id=owner_id, rows=count)

    async def _rows(self, owner_id: UUID) -> AsyncIterator[Sequence[AuditRow]]:
        """In transactions of their own: nothing is held while the reader is slow."""
        seq = 0
        while True:
            async with self._db.reading() as db_session:
                rows = await TrailRepository(db_session).after(owner_id, seq, _AT_ONCE)
            if not rows:
                return
            yield rows
            seq = rows[-1].seq
