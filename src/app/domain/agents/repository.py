"""The only SQL that touches `agent`."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import delete, text

from app.domain.agents.models import Agent
from app.lib.db.owned import OwnedRepository


class AgentRepository(OwnedRepository[Agent]):
    model_type = Agent

    async def lock(self) -> None:
        """Let the owner's changes to agents happen one after the other, until the transaction ends.

        Without it two requests at once could pass the limit, name an agent that the other one deletes, or close a
        circle of agents that ask each other.
        SQLite has one writer anyway.
        """
        if self.session.get_bind().dialect.name == "postgresql":
            key = self.owner_id.int >> 65
            await self.session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": key})

    async def all(self) -> Sequence[Agent]:
        """In the order they were made."""
        return (await self.session.scalars(self.statement.order_by(Agent.id))).all()

    async def among(self, ids: Iterable[UUID]) -> Sequence[Agent]:
        wanted = [*ids]
        if not wanted:
            return []
        return (await self.session.scalars(self.statement.where(Agent.id.in_(wanted)))).all()

    async def remove(self, agent_id: UUID) -> bool:
        statement = delete(Agent).where(Agent.owner_id == self.owner_id, Agent.id == agent_id).returning(Agent.id)
        return (await self.session.scalar(statement)) is not None

    async def save(self) -> None:
        await self.session.flush()
