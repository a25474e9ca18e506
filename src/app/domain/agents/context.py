"""What a tool knows about the run it works for. It is never stored and holds no key."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

from app.domain.quotas.schemas import QuotaStatus
from app.lib.clock import Clock
from app.lib.db.engine import Database


@dataclass(frozen=True, slots=True)
class RunContext:
    """The tool's only way to its user: given by the run, never a global."""

    run_id: UUID
    owner_id: UUID
    db: Database
    clock: Clock
    quota: Callable[[], Awaitable[QuotaStatus]]


@dataclass(frozen=True, slots=True)
class CallPosition:
    """Where in its run a tool call stands: the same in every attempt, whatever the model names the call."""

    scope: str
    turn: int
    position: int
