"""Where time is free: arithmetic on spans of UTC time. It knows no todos and no database."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from app.lib.zones import at


class Span(NamedTuple):
    """From `start` until just before `end`, so that what ends at ten does not overlap what starts at ten."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: "Span") -> bool:
        return self.start < other.end and other.start < self.end

    def within(self, other: "Span") -> "Span | None":
        """The part of it that lies in `other`."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Span(start, end) if start < end else None


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in order, without overlaps and borders."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return result


def free(window: Span, busy: Iterable[Span]) -> list[Span]:
    """What `busy` leaves of the window."""
    taken = [part for span in merged(busy) if (part := span.within(window))]
    edges = [Span(window.start, window.start), *taken, Span(window.end, window.end)]
    return [Span(before.end, after.start) for before, after in pairwise(edges) if before.end < after.start]


def days_of(window: Span, zone: ZoneInfo) -> Iterator[date]:
    """The days that a calendar in `zone` shows for the window."""
    day = window.start.astimezone(zone).date()
    last = (window.end - timedelta.resolution).astimezone(zone).date()
    while day <= last:
        yield day
        day += timedelta(days=1)


def working_hours(window: Span, opens: time, closes: time, zone: ZoneInfo) -> list[Span]:
    """The working hours of each day that the window touches, as clocks in `zone` show them."""
    days = days_of(window, zone)
    spans = (Span(at(day, opens, zone), at(day, closes, zone)) for day in days)
    return [part for span in spans if (part := span.within(window))]


def first_slot(length: timedelta, hours: Iterable[Span], busy: Iterable[Span]) -> Span | None:
    """The earliest time of this length that lies within one span of `hours` and overlaps nothing busy."""
    taken = merged(busy)
    for hour in sorted(hours):
        for gap in free(hour, taken):
            if gap.length >= length:
                return Span(gap.start, gap.start + length)
    return None


def rounded_up(moment: datetime, minutes: int) -> datetime:
    """The next full five minutes and the like: nobody meets at 14:03:27."""
    step = timedelta(minutes=minutes)
    over = timedelta(minutes=moment.minute, seconds=moment.second, microseconds=moment.microsecond) % step
    return moment + (step - over) if over else moment


def clashes[T](taken: Iterable[tuple[Span, T]]) -> Iterator[tuple[T, T]]:
    """Each pair that overlaps, the one that starts earlier first."""
    going_on: list[tuple[Span, T]] = []
    for span, item in sorted(taken, key=lambda pair: pair[0]):
        going_on = [(other, before) for other, before in going_on if other.end > span.start]
        yield from ((before, item) for _, before in going_on)
        going_on.append((span, item))
