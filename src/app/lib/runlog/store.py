"""What a place that keeps run logs must do."""

from typing import Protocol
from uuid import UUID

import msgspec

from app.lib.runlog.frames import Batch


class Step(msgspec.Struct, frozen=True):
    """`position` counts within a turn; `scope` tells an agent used as a tool from its caller.

    A step that nobody was told of has no `seq`; storing it again gives it one, and changes nothing else.
    """

    scope: str
    turn: int
    kind: str
    position: int
    payload: bytes
    seq: int | None = None
    """The last of the events that tell of it."""


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


class News(msgspec.Struct, frozen=True):
    """What a log holds beyond what was known of it: perhaps not all, but the next batches without a gap."""

    seq: int
    """The log's last."""
    ended: bool
    batches: list[Batch]


class LogStore(Protocol):
    async def open(self) -> None:
        """Connect before the first write, which would do it else."""
        ...

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

    async def news(self, known: dict[UUID, int]) -> dict[UUID, News]:
        """What is stored after the events known, of many runs at once. A run that is missing was deleted."""
        ...

    async def reset(self) -> None:
        """Forget a connection that broke; the next write makes another."""
        ...

    async def close(self) -> None: ...
