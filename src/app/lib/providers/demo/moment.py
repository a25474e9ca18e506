"""The user's present, and how what they say about time becomes times."""

import re
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from app.lib.providers.demo.clock import PARTS
from app.lib.providers.demo.when import When

_LINE = re.compile(r"Current time: (?P<time>\S+)(?: \((?P<zone>[\w/+-]+)\))?")
_HALF_DAY = timedelta(hours=12)
_MORNING, _END_OF_WORK = PARTS["morning"], time(18)
_DAYS_NAMED_BY_WEEKDAY = 6


class Moment:
    def __init__(self, now: datetime) -> None:
        self.now = now

    @property
    def today(self) -> date:
        return self.now.date()

    def start(self, when: When, *, was: datetime | None = None) -> datetime | None:
        """When it begins; `was` is its time so far, which gives what is left unsaid."""
        if when.shift is not None:
            return ((was or self.now) + when.shift).replace(second=0, microsecond=0)
        if when.day is None and when.at is None:
            return None
        at = when.at or (was.time() if was is not None else self._usual(when.day))
        if when.day is not None:
            return self._sensible(self.at(when.day, at), when)
        start = self._sensible(self.at(was.date() if was is not None else self.today, at), when)
        return start if was is not None or start > self.now else self.at(self.today + timedelta(days=1), at)

    def end(self, when: When, start: datetime | None) -> datetime | None:
        if start is None:
            return None
        end = start + timedelta(minutes=when.minutes or 0)
        if when.through and when.last_day is not None:
            return self.at(when.last_day, end.time() if when.minutes else _END_OF_WORK)
        return end if when.minutes else None

    def at(self, day: date, clock: time) -> datetime:
        return datetime.combine(day, clock, self.now.tzinfo)

    def local(self, text: object) -> datetime | None:
        """A time as a tool tells it, on the user's clock."""
        try:
            time_told = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            return None
        if time_told is None:
            return None
        return time_told.astimezone(self.now.tzinfo) if time_told.tzinfo else time_told.replace(tzinfo=self.now.tzinfo)

    def day_in_words(self, day: date) -> str:
        ahead = (day - self.today).days
        named = {0: "today", 1: "tomorrow", -1: "yesterday"}.get(ahead)
        if named:
            return named
        if 0 < ahead <= _DAYS_NAMED_BY_WEEKDAY:
            return f"on {day:%A}"
        return f"on {day:%A}, {day.day} {day:%B}" + ("" if day.year == self.today.year else f" {day.year}")

    def in_words(self, moment: datetime, until: datetime | None = None) -> str:
        day = self.day_in_words(moment.date())
        if until is None:
            return f"{day} at {moment:%H:%M}"
        if until.date() == moment.date():
            return f"{day} from {moment:%H:%M} to {until:%H:%M}"
        last = self.day_in_words(until.date()).removeprefix("on ")
        return f"from {day.removeprefix('on ')} at {moment:%H:%M} to {last} at {until:%H:%M}"

    def _usual(self, day: date | None) -> time:
        """When a thing is done that has a day and no time: in the morning, or today in an hour."""
        soon = self.now.replace(minute=0) + timedelta(hours=1)
        return (
            max(_MORNING, soon.time().replace(second=0, microsecond=0))
            if day == soon.date() == self.today
            else _MORNING
        )

    def _sensible(self, start: datetime, when: When) -> datetime:
        """An hour that was said without its half of the day is the next one that comes."""
        later = start + _HALF_DAY
        return later if when.vague and start <= self.now < later and later.date() == start.date() else start


def told_moment(text: str) -> Moment | None:
    """From the last line that tells the time, such as `Current time: 2026-11-21T14:05:00+01:00 (Europe/Berlin)`."""
    lines = list(_LINE.finditer(text))
    return moment_of(lines[-1]["time"], lines[-1]["zone"]) if lines else None


def moment_of(now: object, zone: object) -> Moment | None:
    try:
        told = datetime.fromisoformat(now) if isinstance(now, str) else None
    except ValueError:
        return None
    if told is None:
        return None
    try:
        # The zone knows the next change of clocks, the offset does not.
        known = ZoneInfo(zone) if isinstance(zone, str) else None
    except (KeyError, ValueError, OSError):
        known = None
    if known is not None:
        return Moment(told.astimezone(known) if told.tzinfo else told.replace(tzinfo=known))
    return Moment(told if told.tzinfo else told.replace(tzinfo=timezone(timedelta())))
