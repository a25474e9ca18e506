"""Wall clocks: what people write and read as time, in the zone they live in. Everything inside is UTC.

A time that a clock change skips is read with the offset from before the change, so 02:30 becomes 03:30; of a time
that comes twice the first one is meant. Calendars (RFC 5545) and JavaScript's Temporal do the same.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.lib.errors import InvalidField

_EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_LONGEST = 64


def zone_named(name: str) -> ZoneInfo:
    """The zone, or UTC when this machine does not know it (any more)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def at(day: date, wall_time: time, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, when a clock in `zone` shows this time on this day."""
    return datetime.combine(day, wall_time, tzinfo=zone).astimezone(UTC)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """From midnight to midnight: 23 or 25 hours where the clocks change."""
    return at(day, time.min, zone), at(day + timedelta(days=1), time.min, zone)


def read_time(text: str, zone: ZoneInfo, pointer: str, *, of_day: time = time.min) -> datetime:
    """An ISO 8601 time as UTC. Without an offset it is read in `zone`; a bare date is read at `of_day`."""
    day = _read_date(text)
    if day is not None:
        return _bounded(datetime.combine(day, of_day, tzinfo=zone), pointer)
    return _bounded(_read_datetime(text, zone, pointer), pointer)


def read_bounds(text: str, zone: ZoneInfo, pointer: str) -> tuple[datetime, datetime]:
    """What a text names as a window's edge: a whole day, or the same instant twice."""
    moment = read_time(text, zone, pointer)
    day = _read_date(text)
    return (moment, moment) if day is None else day_bounds(day, zone)


def _read_date(text: str) -> date | None:
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        return None


def _read_datetime(text: str, zone: ZoneInfo, pointer: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        shown = text if len(text) <= _LONGEST and text.isprintable() else "This"
        raise InvalidField(pointer, f"{shown} is not a time in ISO 8601, such as 2026-11-22T09:00:00+01:00.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone, fold=0)


def _bounded(moment: datetime, pointer: str) -> datetime:
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        moment = datetime.min.replace(tzinfo=UTC)
    if not _EARLIEST <= moment < _LATEST:
        raise InvalidField(pointer, "Times must lie between the years 1900 and 2200.")
    return moment
