"""What a place that keeps run logs must do."""

from typing import Protocol
from uuid import UUID

import msgspec

from app.lib.runlog.frames import Batch


class Step(msgspec.Struct, frozen=True):
    """`position` counts within a turn; `scope` tells an agent used as a tool from its caller."""

    scope: str
    turn: int
    kind: str
    position: int
    payload: bytes


class Write(msgspec.Struct, frozen=True):
    """One run's share of a group commit. It holds only while `attempt` is the run's latest."""

    batch: Batch
    attempt: int
    steps: tuple[Step, ...] = ()


class Head(msgspec.Struct, frozen=True):
    """How far a log is."""

    seq: int
    attempt: int
    ended: bool


class LogStore(Protocol):
    async def write(self, writes: list[Write]) -> dict[UUID, str | None]:
        """Store all in one transaction; the lease of each run grows.

        Returns what was asked of each run (its control) for the runs that still hold their lease. A run that is
        missing lost it, and nothing of it was stored.
        """
        ...

    async def read(self, run_id: UUID, after: int, at_most: int) -> list[Batch]:
        """Batches that hold events after `after`, in order, until they exceed `at_most` bytes (at least one)."""
        ...

    async def head(self, run_id: UUID) -> Head | None: ...

    async def reset(self) -> None:
        """Forget a connection that broke; the next write makes another."""
        ...

    async def close(self) -> None: ...
