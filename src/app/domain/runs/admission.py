"""How much one process takes on at once: runs that it executes, and readers that it serves."""

from collections.abc import Callable
from typing import Any, Self

from app.domain.runs.errors import ServerBusy, TooManyReaders, TooManyRuns


class Place:
    """Taken until it is left. What is forgotten without being left, as a response that is never sent, leaves too."""

    def __init__(self, leave: Callable[[], None]) -> None:
        self._leave: Callable[[], None] | None = leave

    def leave(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def pass_on(self) -> "Place":
        """The same place for somebody else; leaving this one means nothing any more."""
        leave, self._leave = self._leave, None
        return Place(leave or _nothing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.leave()

    def __del__(self) -> None:
        self.leave()


class Admission:
    """Counts. Whoever is refused has cost nothing yet."""

    def __init__(self, *, max_runs: int, max_readers: int, admits: Callable[[], bool]) -> None:
        self._max_runs = max_runs
        self._max_readers = max_readers
        self._admits = admits
        """Asked for each new run: under pressure the answer is not always yes."""
        self.runs = 0
        self.readers = 0

    def new_run(self) -> Place:
        """Raises TooManyRuns or ServerBusy."""
        place = self.run()
        if place is None:
            raise TooManyRuns(self._max_runs)
        if not self._admits():
            place.leave()
            raise ServerBusy
        return place

    def run(self, *, urgent: bool = False) -> Place | None:
        """For a run that exists already; None where there is no room, unless it is to be `urgent`."""
        if self.runs >= self._max_runs and not urgent:
            return None
        self.runs += 1
        return Place(self._run_left)

    def reader(self) -> Place:
        """Raises TooManyReaders."""
        if self.readers >= self._max_readers:
            raise TooManyReaders(self._max_readers)
        self.readers += 1
        return Place(self._reader_left)

    def _run_left(self) -> None:
        self.runs -= 1

    def _reader_left(self) -> None:
        self.readers -= 1


def _nothing() -> None:
    """It was left before it was passed on."""
