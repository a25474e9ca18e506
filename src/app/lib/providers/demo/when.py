"""What a request says about time, and how the rules that find it are written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, time, timedelta


@dataclass(frozen=True, slots=True)
class When:
    """What a request says about time, and nothing that it does not say."""

    day: date | None = None
    last_day: date | None = None
    """Of a period such as a week."""
    through: bool = False
    """All the way from the first day to the last, and not some time in between."""
    at: time | None = None
    part: str = ""
    """Of the day, such as the morning."""
    minutes: int | None = None
    """How long."""
    shift: timedelta | None = None
    """From now, or from when it was."""
    vague: bool = False
    """The hour was said without its half of the day."""
    problem: str = ""
    """Why something cannot be taken for a time, for the user to read. Nothing may be planned then."""

    def __bool__(self) -> bool:
        return self != NO_TIME


NO_TIME = When()
Match = re.Match[str]


class NotATime(Exception):
    """It only looks like one, and is part of a name."""


class Unclear(Exception):
    """It is meant for a time that does not exist, or that could be several. The text is for the user."""


@dataclass(frozen=True, slots=True)
class Rule:
    about: str
    """The field it fills in. The first rule that does counts."""
    pattern: re.Pattern[str]
    read: Callable[[When, Match, date], When]


def rules(*written: tuple[str, str, Callable[[When, Match, date], When]]) -> list[Rule]:
    """Their patterns match whole words."""
    return [
        Rule(about, re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE), read) for about, pattern, read in written
    ]
