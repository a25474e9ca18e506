"""The table of what tools have done."""

from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from app.lib.db.base import Row


class ToolEffect(Row):
    """A call that changed something, keyed by where in its run it stands."""

    __tablename__ = "tool_effect"

    run_id: Mapped[UUID] = mapped_column(ForeignKey("run.id", ondelete="CASCADE"), primary_key=True)
    """Of a run that is deleted while it works, nothing takes effect any more."""
    scope: Mapped[str] = mapped_column(String(255), primary_key=True)
    turn: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    owner_id: Mapped[UUID] = mapped_column(ForeignKey("user_account.id", ondelete="CASCADE"), index=True)
    tool: Mapped[str] = mapped_column(String(64))
    result: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    """JSON and not JSONB, which would give it back in another order than the model saw it in."""
