"""How the server does with less: the law of it, without a clock."""

from typing import cast

import pytest

from app.lib.runlog.hub import Hub
from app.lib.runlog.log import LogWriter
from app.lib.runlog.pressure import LEAST_EASE, MOST_WINDOW, Memory, Pressure, _memory_limit
from app.lib.runlog.store import LogStore

CALM, SOME, MUCH = 0.0, 0.2, 3.0
"""Seconds that the event loop comes late."""


def pressure(used: float = 0.1) -> tuple[Pressure, LogWriter]:
    writer = LogWriter(cast("LogStore", None), Hub(), max_run_bytes=1)
    felt = Pressure(writer, memory=lambda: used)
    felt._used = used
    return felt, writer


def feel(felt: Pressure, ticks: int, *, loop: float = CALM, write: float = CALM) -> None:
    for _ in range(ticks):
        felt.feel(loop, write)


def test_one_slow_moment_is_no_pressure() -> None:
    felt, writer = pressure()

    feel(felt, 1, loop=0.15)

    assert (felt.window, writer.window, felt.admitting) == (0, 0, 1)


def test_deltas_are_joined_before_runs_are_refused() -> None:
    felt, writer = pressure()

    feel(felt, 50, loop=SOME)
    first = (felt.window, felt.admitting)
    feel(felt, 50, loop=MUCH)

    assert first == (MOST_WINDOW, 1)
    assert writer.window == felt.window == MOST_WINDOW
    assert felt.admitting == LEAST_EASE
    assert felt.view.level == 1


@pytest.mark.parametrize(("loop", "write", "used"), [(MUCH, CALM, 0.1), (CALM, 2.0, 0.1), (CALM, CALM, 0.9)])
def test_the_worst_of_the_loop_the_writer_and_the_memory_counts(loop: float, write: float, used: float) -> None:
    felt, _ = pressure(used)

    feel(felt, 5, loop=loop, write=write)

    assert felt.window > 0


def test_it_is_over_by_itself_and_stays_as_it_is_in_between() -> None:
    felt, writer = pressure()
    feel(felt, 50, loop=MUCH)
    feel(felt, 10, loop=0.07)
    between = felt.view.level
    feel(felt, 10, loop=0.07)

    assert felt.view.level == between
    feel(felt, 100)
    assert (felt.view.level, felt.window, writer.window, felt.admitting) == (0, 0, 0, 1)


def test_it_is_felt_at_once_and_forgotten_slowly() -> None:
    felt, _ = pressure()
    ticks = 0
    while felt.admitting > LEAST_EASE:
        feel(felt, 1, loop=MUCH)
        ticks += 1
    back = 0
    while felt.view.level > 0:
        feel(felt, 1)
        back += 1

    assert ticks < 20 < back < 100


def test_a_share_of_the_runs_is_let_in_evenly() -> None:
    felt, _ = pressure()
    assert all(felt.admits() for _ in range(10))

    feel(felt, 50, loop=MUCH)
    let_in = [felt.admits() for _ in range(100)]

    assert 9 <= sum(let_in) <= 11
    assert max(len(gap) for gap in "".join("x" if ok else "." for ok in let_in).split("x")) <= 10


def test_this_process_has_a_share_of_the_memory() -> None:
    used, a_quarter = Memory().used(), Memory(4).used()

    assert 0 < used < 1
    assert a_quarter == pytest.approx(4 * used, rel=0.2)
    assert _memory_limit() > 64 * 1024 * 1024
