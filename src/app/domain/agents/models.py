"""The tables of `agents`."""

from typing import Any

from advanced_alchemy.types import JsonB
from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import OwnedRecord


class Agent(OwnedRecord):
    __tablename__ = "agent"

    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(1000))
    instructions: Mapped[str] = mapped_column(Text)
    model: Mapped[str | None] = mapped_column(String(200))
    fallback_models: Mapped[list[str]] = mapped_column(JsonB)
    """Whom to ask where the model's provider fails."""
    tools: Mapped[list[str]] = mapped_column(JsonB)
    handoffs: Mapped[list[str]] = mapped_column(JsonB)
    """Ids of the same owner's agents, and names of built-in ones."""
    agent_tools: Mapped[list[str]] = mapped_column(JsonB)
    """The same, of those that it may ask as it calls a tool."""
    approve: Mapped[list[str]] = mapped_column(JsonB)
    """Tools whose calls wait until the user has approved them."""
    settings: Mapped[dict[str, Any]] = mapped_column(JsonB)
