"""A run that this process executes, as others may reach it."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto

import anyio

from app.domain.runs.attempt import Attempt
from app.domain.runs.metering import Meter
from app.domain.runs.models import Run
from app.domain.runs.records import Claim
from app.domain.runs.states import CANCEL, CANCEL_AFTER_TURN, PAUSE
from app.lib.runlog.errors import LeaseLost


class Stop(Enum):
    """Why an execution was asked to stop."""

    CANCELLED = auto()
    LEAVING = auto()
    PARKED = auto()
    LOST = auto()


class Execution:
    """Obeys what somebody asks of the run, and knows how long it has worked. Paused time does not count."""

    def __init__(self, claim: Claim, attempt: Attempt, meter: Meter, *, seconds: float, hold_seconds: float) -> None:
        self.run: Run = claim.run
        self.attempt = attempt
        self.meter = meter
        self.timed_out = False
        self.aside = False
        """The run is given back: what is asked of it now is for the next attempt."""
        self._stopped: Stop | None = None
        self._scope = anyio.CancelScope()
        self._cut_off = False
        self._limit = anyio.CancelScope()
        self._spent = claim.spent
        self._seconds = seconds
        self._left = seconds
        self._hold_seconds = hold_seconds
        attempt.gate.park = lambda: self.stop(Stop.PARKED)
        attempt.gate.stop = lambda: self.stop(Stop.CANCELLED)
        attempt.log.control = claim.control
        attempt.log.on_control = self.obey
        attempt.log.on_lost = lambda: self.stop(Stop.LOST)

    @property
    def stopped(self) -> Stop | None:
        """Why it was cut off; None where it came to its own end before it heard of it."""
        return self._stopped if self._cut_off or self._stopped is Stop.LOST else None

    @property
    def spent(self) -> float:
        """Seconds that this attempt and those before it have worked."""
        return self._spent + self._seconds - self._left

    def stop(self, why: Stop) -> None:
        """At once: the call in flight is cut. The first reason counts, but for a lost lease."""
        if self._stopped is None or why is Stop.LOST:
            self._stopped = why
            self._scope.cancel()

    def obey(self, control: str | None) -> None:
        """What somebody asked of the run, or nothing any more."""
        if self.aside:
            return
        gate = self.attempt.gate
        gate.last_turn = control == CANCEL_AFTER_TURN
        try:
            if control == CANCEL:
                self.stop(Stop.CANCELLED)
            elif control == PAUSE and not gate.closed:
                self._left = max(0.0, self._limit.deadline - anyio.current_time())
                self._limit.deadline = float("inf")
                self.attempt.pause(self._hold_seconds)
            elif control != PAUSE and gate.closed:
                self._limit.deadline = anyio.current_time() + self._left
                self.attempt.resume()
        except LeaseLost:
            self.stop(Stop.LOST)

    def beat(self) -> None:
        """Keep the lease, and hear what others have asked of the run."""
        if not self.aside:
            self.attempt.log.beat()

    @contextmanager
    def working(self) -> Iterator[None]:
        """What is done inside may be stopped, and takes no longer than the run may."""
        with self._scope:
            self._limit.deadline = anyio.current_time() + max(0.0, self._seconds)
            with self._limit:
                yield
            self._note_time()
            self.timed_out = self._limit.cancelled_caught
        self._note_time()
        self._cut_off = self._scope.cancelled_caught

    def close(self) -> None:
        self.attempt.gate.dispose()

    def _note_time(self) -> None:
        if not self.attempt.gate.closed:
            self._left = max(0.0, self._limit.deadline - anyio.current_time())
