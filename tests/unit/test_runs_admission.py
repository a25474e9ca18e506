"""How many runs and readers one process takes."""

import gc

import pytest

from app.domain.runs.admission import Admission
from app.domain.runs.errors import ServerBusy, TooManyReaders, TooManyRuns


def admission(*, calm: bool = True) -> Admission:
    return Admission(max_runs=2, max_readers=1, admits=lambda: calm)


def test_a_place_is_somebody_elses_once_it_was_left() -> None:
    bounds = admission()
    first, second = bounds.new_run(), bounds.new_run()

    with pytest.raises(TooManyRuns):
        bounds.new_run()
    first.leave()
    first.leave()
    third = bounds.new_run()

    assert bounds.runs == 2
    second.leave()
    third.leave()
    assert bounds.runs == 0


def test_a_place_that_was_passed_on_stays_taken() -> None:
    bounds = admission()
    with bounds.reader() as mine:
        yours = mine.pass_on()

    with pytest.raises(TooManyReaders):
        bounds.reader()
    yours.leave()
    assert bounds.readers == 0


def test_a_place_that_is_forgotten_is_left() -> None:
    bounds = admission()
    bounds.reader()
    gc.collect()

    assert bounds.readers == 0


def test_under_pressure_a_refused_run_leaves_its_place() -> None:
    bounds = admission(calm=False)

    with pytest.raises(ServerBusy):
        bounds.new_run()

    assert bounds.runs == 0


def test_a_run_that_exists_waits_for_room_unless_it_is_urgent() -> None:
    bounds = admission()
    taken = [bounds.run(), bounds.run()]

    assert bounds.run() is None
    urgent = bounds.run(urgent=True)
    assert urgent is not None
    assert bounds.runs == 3
    assert all(taken)
