"""The arithmetic of free time."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.todos.schedule import Span, clashes, days_of, first_slot, free, merged, rounded_up, working_hours

START = datetime(2026, 3, 27, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")
MINUTE = timedelta(minutes=1)

minutes = st.integers(0, 3 * 24 * 60)


def span(start: int, end: int) -> Span:
    return Span(START + start * MINUTE, START + end * MINUTE)


spans = st.tuples(minutes, st.integers(1, 300)).map(lambda pair: span(pair[0], pair[0] + pair[1]))
busy_times = st.lists(spans, max_size=12)
hours_a_day = st.sampled_from(
    [(time(9), time(18)), (time(0), time(23, 59)), (time(1, 30), time(3)), (time(22), time(23))]
)
zones = st.sampled_from([BERLIN, NEW_YORK, ZoneInfo("UTC"), ZoneInfo("Asia/Kathmandu"), ZoneInfo("Africa/Cairo")])


@given(spans, busy_times)
def test_free_and_busy_time_make_up_the_window(window: Span, busy: list[Span]) -> None:
    gaps = free(window, busy)

    taken = [part for one in merged(busy) if (part := one.within(window))]
    assert sum((part.length for part in [*gaps, *taken]), timedelta()) == window.length
    assert not any(gap.overlaps(one) for gap in gaps for one in busy)


@given(st.integers(5, 240), spans, busy_times, hours_a_day, zones)
def test_a_slot_is_found_just_when_there_is_one(
    length: int, window: Span, busy: list[Span], a_day: tuple[time, time], zone: ZoneInfo
) -> None:
    wanted = length * MINUTE
    hours = working_hours(window, *a_day, zone)

    slot = first_slot(wanted, hours, busy)

    # Minute by minute, without any cleverness.
    starts = (Span(start, start + wanted) for hour in hours for start in minutes_of(hour))
    fits = [
        one
        for one in starts
        if any(hour.start <= one.start and one.end <= hour.end for hour in hours)
        and not any(one.overlaps(other) for other in busy)
    ]
    assert slot == (fits[0] if fits else None)


def minutes_of(hour: Span) -> list[datetime]:
    return [hour.start + n * MINUTE for n in range(int(hour.length / MINUTE))]


@given(spans, hours_a_day, zones)
def test_working_hours_are_what_the_clock_on_the_wall_shows(
    window: Span, a_day: tuple[time, time], zone: ZoneInfo
) -> None:
    hours = working_hours(window, *a_day, zone)

    for hour in hours:
        assert window.start <= hour.start < hour.end <= window.end
        assert len(list(days_of(hour, zone))) == 1
    assert hours == merged(hours)


@given(busy_times)
def test_clashes_are_the_pairs_that_overlap(busy: list[Span]) -> None:
    numbered = list(enumerate(busy))

    found = {frozenset(pair) for pair in clashes((one, n) for n, one in numbered)}

    assert found == {frozenset({n, m}) for n, one in numbered for m, two in numbered if n < m and one.overlaps(two)}


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ("2026-03-29", BERLIN, 23),
        ("2026-10-25", BERLIN, 25),
        ("2026-03-08", NEW_YORK, 23),
        ("2026-11-01", NEW_YORK, 25),
        ("2026-06-01", NEW_YORK, 24),
    ],
)
def test_a_night_shift_is_shorter_or_longer_when_the_clocks_change(day: str, zone: ZoneInfo, hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(UTC)
    window = Span(midnight, midnight + timedelta(hours=hours))

    (shift,) = working_hours(window, time(0), time(12), zone)

    assert shift.length == timedelta(hours=hours - 12)


def test_what_ends_at_ten_does_not_overlap_what_starts_at_ten() -> None:
    assert not span(540, 600).overlaps(span(600, 660))
    assert span(540, 601).overlaps(span(600, 660))


def test_plans_begin_at_full_five_minutes() -> None:
    assert rounded_up(START + timedelta(minutes=3, seconds=1), 5) == START + 5 * MINUTE
    assert rounded_up(START, 5) == START
    assert rounded_up(START + timedelta(minutes=58, microseconds=1), 5) == START + 60 * MINUTE
