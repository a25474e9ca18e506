"""The states of a run."""

from enum import StrEnum


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    WAITING = "waiting"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    LIMITED = "limited"
    REJECTED = "rejected"


ACTIVE = (RunState.QUEUED, RunState.RUNNING, RunState.PAUSED, RunState.WAITING)
"""A session has at most one run in one of these; all others are final."""

# What may be asked of whoever executes a run.
CANCEL = "cancel"
CANCEL_AFTER_TURN = "cancel_after_turn"
PAUSE = "pause"
