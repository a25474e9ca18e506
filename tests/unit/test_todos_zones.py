"""What people write as time, read in the zone they live in."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.errors import InvalidField
from app.lib.zones import day_bounds, read_bounds, read_time, zone_named

BERLIN = ZoneInfo("Europe/Berlin")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2026-11-22T09:00:00+01:00", NEW_YORK, "2026-11-22T08:00:00"),
        ("2026-11-22T09:00:00Z", NEW_YORK, "2026-11-22T09:00:00"),
        ("2026-11-22T09:00", BERLIN, "2026-11-22T08:00:00"),
        ("2026-07-22 09:00", BERLIN, "2026-07-22T07:00:00"),
        ("2026-11-22T09:00", NEW_YORK, "2026-11-22T14:00:00"),
        ("2026-11-22", BERLIN, "2026-11-21T23:00:00"),
        # The clocks skip this hour: the offset from before it counts.
        ("2026-03-29T02:30", BERLIN, "2026-03-29T01:30:00"),
        ("2026-03-08T02:30", NEW_YORK, "2026-03-08T07:30:00"),
        # The clocks show this hour twice: the first one counts, unless the offset says otherwise.
        ("2026-10-25T02:30", BERLIN, "2026-10-25T00:30:00"),
        ("2026-10-25T02:30+01:00", BERLIN, "2026-10-25T01:30:00"),
        ("2026-11-01T01:30", NEW_YORK, "2026-11-01T05:30:00"),
        ("2026-11-01T01:30-05:00", NEW_YORK, "2026-11-01T06:30:00"),
    ],
)
def test_a_time_without_an_offset_is_the_users(text: str, zone: ZoneInfo, utc: str) -> None:
    assert read_time(text, zone, "/start_time") == datetime.fromisoformat(utc).replace(tzinfo=UTC)


def test_a_time_that_the_clocks_skip_comes_back_an_hour_later() -> None:
    assert read_time("2026-03-29T02:30", BERLIN, "/x").astimezone(BERLIN).time() == time(3, 30)


@pytest.mark.parametrize(
    "text",
    [
        *("", "tomorrow", "2026-13-01", "2026-02-30T10:00", "2026-11-22T25:00", "10:00", "0001-01-01", "9999-12-31"),
        *(
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-12:00",
            "2026-11-22T09:00:00+99:00",
            "\x00",
            "\uff11\uff12",
            "2" * 64,
        ),
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    for read in (read_time, read_bounds):
        with pytest.raises(InvalidField) as refusal:
            read(text, BERLIN, "/start_time")

        assert refusal.value.context["errors"][0]["pointer"] == "/start_time"  # type: ignore[index]


@given(st.text(max_size=30))
def test_any_text_is_a_time_or_a_refusal(text: str) -> None:
    try:
        moment = read_time(text, NEW_YORK, "/x")
    except InvalidField:
        return
    assert moment.tzinfo is UTC


def test_a_bare_date_is_the_whole_day_as_a_window_and_a_time_as_an_end() -> None:
    assert read_bounds("2026-10-25", BERLIN, "to") == day_bounds(date(2026, 10, 25), BERLIN)
    ends = read_time("2026-10-25", BERLIN, "/end_time", of_day=time(23, 59))
    assert ends.astimezone(BERLIN).isoformat() == "2026-10-25T23:59:00+01:00"


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        (date(2026, 3, 29), BERLIN, 23),
        (date(2026, 10, 25), BERLIN, 25),
        (date(2026, 11, 1), NEW_YORK, 25),
        (date(2026, 4, 24), ZoneInfo("Africa/Cairo"), 23),  # midnight itself is skipped
        (date(2026, 1, 1), BERLIN, 24),
    ],
)
def test_a_day_is_as_long_as_the_clocks_say(day: date, zone: ZoneInfo, hours: int) -> None:
    start, end = day_bounds(day, zone)

    assert end - start == timedelta(hours=hours)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "\x00", "Europe/Berlin\n"])
def test_an_unknown_zone_is_utc(name: str) -> None:
    assert zone_named(name).key == "UTC"
