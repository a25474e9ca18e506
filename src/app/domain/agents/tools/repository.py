"""The only SQL that touches `tool_effect`."""

from typing import Any

from sqlalchemy import ColumnElement, and_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.agents.context import CallPosition, RunContext
from app.domain.agents.tools.models import ToolEffect
from app.lib.db.insert import insert_new


class EffectRepository:
    """What one call of one run has done."""

    def __init__(self, db_session: AsyncSession, context: RunContext, position: CallPosition) -> None:
        self._session = db_session
        self._owner_id = context.owner_id
        self._key = {
            "run_id": context.run_id,
            "scope": position.scope,
            "turn": position.turn,
            "position": position.position,
        }

    async def claim(self, tool: str) -> bool:
        """Whether the effect is the caller's to make, in this transaction.

        While another transaction has claimed it this waits for that one's end.
        """
        row = {**self._key, "owner_id": self._owner_id, "tool": tool}
        claimed = insert_new(self._session, ToolEffect, row).returning(ToolEffect.run_id)
        return (await self._session.scalar(claimed)) is not None

    async def keep(self, result: dict[str, Any]) -> None:
        await self._session.execute(update(ToolEffect).where(self._here()).values(result=result))

    async def kept(self, tool: str) -> dict[str, Any] | None:
        """What the call answered when it took effect."""
        mine = and_(self._here(), ToolEffect.owner_id == self._owner_id, ToolEffect.tool == tool)
        return await self._session.scalar(select(ToolEffect.result).where(mine))

    def _here(self) -> ColumnElement[bool]:
        return and_(*(getattr(ToolEffect, name) == value for name, value in self._key.items()))
