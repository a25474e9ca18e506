"""Calendar months in UTC, whatever the zone of the moment."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.quotas.month import month_key, month_of

EAST = timezone(timedelta(hours=14))


@pytest.mark.parametrize(
    ("moment", "key", "start", "end"),
    [
        (datetime(2028, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC), "2028-02", (2028, 2), (2028, 3)),
        (datetime(2028, 3, 1, tzinfo=UTC), "2028-03", (2028, 3), (2028, 4)),
        (datetime(2027, 2, 28, 23, 59, 59, tzinfo=UTC), "2027-02", (2027, 2), (2027, 3)),
        (datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC), "2026-12", (2026, 12), (2027, 1)),
        (datetime(2027, 1, 1, tzinfo=UTC), "2027-01", (2027, 1), (2027, 2)),
        (datetime(2027, 1, 1, 13, 59, 59, tzinfo=EAST), "2026-12", (2026, 12), (2027, 1)),
    ],
)
def test_a_month_is_that_of_utc(moment: datetime, key: str, start: tuple[int, int], end: tuple[int, int]) -> None:
    assert month_key(moment) == key
    assert month_of(moment) == (datetime(*start, 1, tzinfo=UTC), datetime(*end, 1, tzinfo=UTC))
