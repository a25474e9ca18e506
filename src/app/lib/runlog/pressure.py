"""Doing with less when there is too much to do: first fewer events for the same text, then fewer new runs.

Each is steered as TCP steers its window: down by a factor while there is too much, up by a step while there is
little (Chiu and Jain, "Analysis of the Increase and Decrease Algorithms", 1989), and left alone in between.
"""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec
import structlog

from app.lib.runlog.log import LogWriter

TICK_SECONDS = 0.1
MOST_WINDOW = 0.1
"""Seconds over which deltas are joined at most: a reader hardly notices more."""
BACK_OFF = 0.8
RECOVER = 0.02
LEAST_EASE = 0.1
"""So many of the new runs are taken always: otherwise nobody would find out that it is over."""
_MEMORY_TICKS = 10

logger = structlog.get_logger()


class Range(NamedTuple):
    calm: float
    much: float

    def of(self, value: float) -> float:
        """Below 0 there is little of it, over 1 too much."""
        return (value - self.calm) / (self.much - self.calm)


MEMORY = Range(0.75, 0.85)
"""The share of the memory that this process may have."""


class Ease:
    """How much is done as if there were no pressure: 1 is all of it."""

    def __init__(self, loop_lag: Range, write_lag: Range) -> None:
        self.value = 1.0
        self._loop_lag = loop_lag
        self._write_lag = write_lag

    def feel(self, loop_lag: float, write_lag: float, memory: float) -> None:
        strain = max(self._loop_lag.of(loop_lag), self._write_lag.of(write_lag), MEMORY.of(memory))
        if strain > 1:
            self.value = max(LEAST_EASE, self.value * BACK_OFF)
        elif strain < 0:
            self.value = min(1.0, self.value + RECOVER)


def joining() -> Ease:
    """By the seconds that the event loop comes late to what is due, and those that an event waits to be stored."""
    return Ease(Range(0.04, 0.1), Range(0.25, 0.75))


def admitting() -> Ease:
    """Much later: a burst of starts is better worked off than refused."""
    return Ease(Range(1.0, 2.0), Range(1.0, 3.0))


class PressureView(msgspec.Struct, frozen=True):
    level: float
    """0 is calm; at 1 deltas are joined as long as they ever are."""
    window_ms: float
    admitting: float
    """The share of new runs that is taken."""
    loop_lag_ms: float
    write_lag_ms: float
    memory: float


class Pressure:
    """Sets the writer's window, and says whether one more run may begin."""

    def __init__(self, writer: LogWriter, *, memory: Callable[[], float] | None = None, processes: int = 1) -> None:
        self._writer = writer
        self._memory = memory or Memory(processes).used
        self._joining = joining()
        self._admitting = admitting()
        self._credit = 0.0
        self._loop_lag = self._write_lag = self._used = 0.0
        self._told = False

    @property
    def window(self) -> float:
        """Seconds over which neighbouring deltas of one run become one event."""
        return MOST_WINDOW * (1 - self._joining.value) / (1 - LEAST_EASE)

    @property
    def admitting(self) -> float:
        return self._admitting.value

    def admits(self) -> bool:
        """Evenly: at a share of a quarter each fourth is let in."""
        self._credit += self.admitting
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    @property
    def view(self) -> PressureView:
        return PressureView(
            level=round(self.window / MOST_WINDOW, 2),
            window_ms=round(self.window * 1000, 1),
            admitting=round(self.admitting, 2),
            loop_lag_ms=round(self._loop_lag * 1000, 1),
            write_lag_ms=round(self._write_lag * 1000, 1),
            memory=round(self._used, 3),
        )

    async def run(self) -> None:
        """Forever: look, and steer."""
        ticks = 0
        while True:
            due = time.monotonic() + TICK_SECONDS
            await anyio.sleep(TICK_SECONDS)
            if ticks % _MEMORY_TICKS == 0:
                self._used = self._memory()
            ticks += 1
            self.feel(time.monotonic() - due, self._writer.worst_lag())

    def feel(self, loop_lag: float, write_lag: float) -> None:
        """Take what was measured in one tick into account."""
        self._loop_lag += (loop_lag - self._loop_lag) / 2  # one slow moment, as of a garbage collection, is no pressure
        self._write_lag = write_lag
        for ease in (self._joining, self._admitting):
            ease.feel(self._loop_lag, write_lag, self._used)
        self._writer.window = self.window
        self._tell()

    def _tell(self) -> None:
        """Once when runs begin to be refused, and once when that is over."""
        if not self._told and self.admitting < 1:
            self._told = True
            view = self.view
            logger.warning(
                "under pressure: some new runs are refused",
                loop_lag_ms=view.loop_lag_ms,
                write_lag_ms=view.write_lag_ms,
                memory=view.memory,
            )
        elif self._told and self.admitting == 1:
            self._told = False
            logger.warning("the pressure is over")


class Memory:
    """What this process has of the memory that it may have: its share of the machine's, or of its container's."""

    def __init__(self, processes: int = 1) -> None:
        self._most = _memory_limit() / processes
        self._page = os.sysconf("SC_PAGE_SIZE")

    def used(self) -> float:
        """0 where the system does not tell."""
        try:
            pages = int(Path("/proc/self/statm").read_bytes().split()[1])
        except (OSError, ValueError, IndexError):
            return 0.0
        return pages * self._page / self._most


def _memory_limit() -> float:
    """Bytes: of control groups (version 1 or 2) the narrowest, else all that the machine has."""
    limits = [float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))]
    root = Path("/sys/fs/cgroup")
    files = [root / "memory.max", root / "memory/memory.limit_in_bytes"]
    try:
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                files.append(root / group.lstrip("/") / "memory.max")
            elif "memory" in controllers.split(","):
                files.append(root / "memory" / group.lstrip("/") / "memory.limit_in_bytes")
    except OSError:
        pass  # not Linux
    for file in files:
        try:
            limits.append(float(file.read_text()))
        except (OSError, ValueError):
            continue  # not there, or `max`
    return min(limits)
