"""All SQL on push notifications."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.a2a.models import PushConfig
from app.lib.runlog.tables import RunHead

_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('push notifications of ' || :owner_id, 0))")


class Due(NamedTuple):
    config: PushConfig
    seq: int
    """How far the log is."""
    ended: bool


class PushRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def lock(self, owner_id: UUID) -> None:
        """Until the transaction ends nobody else counts the owner's. SQLite has one writer anyway."""
        if self._db_session.get_bind().dialect.name != "sqlite":
            await self._db_session.execute(_LOCK, {"owner_id": str(owner_id)})

    async def put(self, config: PushConfig) -> None:
        await self._db_session.merge(config)
        await self._db_session.flush()

    async def count(self, owner_id: UUID, run_id: UUID | None = None) -> int:
        """Those of a run; without one, those of which something may still be told."""
        wanted = PushConfig.due_at.is_not(None) if run_id is None else PushConfig.run_id == run_id
        query = select(func.count()).select_from(PushConfig).where(PushConfig.owner_id == owner_id, wanted)
        return await self._db_session.scalar(query) or 0

    async def of_run(self, run_id: UUID) -> list[PushConfig]:
        query = select(PushConfig).where(PushConfig.run_id == run_id).order_by(PushConfig.created_at, PushConfig.id)
        return [*await self._db_session.scalars(query)]

    async def find(self, run_id: UUID, config_id: str) -> PushConfig | None:
        return await self._db_session.get(PushConfig, (run_id, config_id))

    async def remove(self, run_id: UUID, config_id: str) -> bool:
        gone = delete(PushConfig).where(PushConfig.run_id == run_id, PushConfig.id == config_id)
        return (await self._db_session.execute(gone.returning(PushConfig.id))).first() is not None

    async def due(self, now: datetime) -> list[Due]:
        """Those whose log has grown since they were told last."""
        query = (
            select(PushConfig, RunHead.seq, RunHead.ended)
            .join(RunHead, RunHead.run_id == PushConfig.run_id)
            .where(PushConfig.due_at <= now, (RunHead.seq > PushConfig.told_seq) | RunHead.ended)
        )
        return [Due(*row) for row in await self._db_session.execute(query)]

    async def move(
        self, config: PushConfig, *, told_seq: int | None = None, tries: int = 0, due_at: datetime | None
    ) -> bool:
        """False where another process was quicker."""
        moved = (
            update(PushConfig)
            .where(
                PushConfig.run_id == config.run_id,
                PushConfig.id == config.id,
                PushConfig.told_seq == config.told_seq,
                PushConfig.due_at == config.due_at,
            )
            .values(told_seq=config.told_seq if told_seq is None else told_seq, tries=tries, due_at=due_at)
            .returning(PushConfig.id)
        )
        return (await self._db_session.execute(moved)).first() is not None
