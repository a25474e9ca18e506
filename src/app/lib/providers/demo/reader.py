"""Finds what a request says about time, and takes it out of the request."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from app.lib.providers.demo.clock import clock_rules, settled
from app.lib.providers.demo.days import ONE_DAY, PERIOD
from app.lib.providers.demo.when import NO_TIME, Match, NotATime, Rule, Unclear, When

_USUAL = clock_rules(r"(?:at|@|around)")
_WITH_BARE_HOURS = clock_rules(r"(?:at|@|around|about|by|to|for|until)")
_TO = re.compile(r"\s*(?:-|\u2013|\u2014|\b(?:to|until|till|through|thru)\b)\s*", re.IGNORECASE)
_AND = re.compile(r"\s*(?:[-\u2013\u2014,&]|\b(?:to|until|till|through|and|or)\b)\s*", re.IGNORECASE)
_HOURS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_HOUR = re.compile(rf"(?<!\w)(?P<at>at|around)\s+(?P<hour>{'|'.join(_HOURS[1:])})(?!\w)", re.IGNORECASE)
_STAMP = re.compile(r"(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d:\d\d)(?::\d\d)?(?!\w)")
_NOON = re.compile(
    r"(?:(?<=to )|(?<=until )|(?<=till )|(?<=-))(?:midnight|noon)\b|\b(?:midnight|noon)(?=\s*(?:to|until|-)\s*\d)",
    re.IGNORECASE,
)
_ONE_AT_A_TIME = "I can only take one day, or one period such as Monday to Wednesday. Which shall it be?"


class Reader:
    """Reads requests, knowing what day it is."""

    def __init__(self, today: date, *, bare_hours: bool = False) -> None:
        """`bare_hours` takes "to 3" for a time as well, where nothing else can be meant."""
        self._today = today
        self._clock = _WITH_BARE_HOURS if bare_hours else _USUAL

    def read(self, text: str) -> tuple[When, str]:
        """What the text says about time, and the text without it."""
        text = _STAMP.sub(r"\g<day> at \g<time>", text)
        text = _NOON.sub(lambda said: "12am" if said[0].lower() == "midnight" else "12pm", text)
        text = _HOUR.sub(lambda said: f"{said['at']} {_HOURS.index(said['hour'].lower()) + 1}", text)
        when, text = self._day(text)
        for rule in self._clock:
            for match in () if getattr(when, rule.about) else rule.pattern.finditer(text):
                told = self._told(rule, when, match)
                if told is not None:
                    when, text = told, _without(text, match.start(), match.end())
                    break
        return settled(when, self._today), _tidied(text)

    def _day(self, text: str) -> tuple[When, str]:
        for rule, match in _found(ONE_DAY, text) + _found(PERIOD, text):
            when = self._told(rule, NO_TIME, match)
            if when is not None:
                when, end = self._until(when, text, match.end())
                text = _without(text, match.start(), end)
                another = when.day is not None and any(self._next(text, m.end()) for m in _AND.finditer(text))
                return replace(when, problem=when.problem or (_ONE_AT_A_TIME if another else "")), text
        return NO_TIME, text

    def _until(self, when: When, text: str, end: int) -> tuple[When, int]:
        """With the last day, where one follows."""
        to = _TO.match(text, end)
        found = self._next(text, to.end()) if to is not None and when.day is not None else None
        if found is None or when.day is None or when.last_day is not None:
            return when, end
        rule, match, last = found
        if last.day is not None and last.day < when.day:
            # The Monday after that Friday, the January after that December.
            last = _told(rule, NO_TIME, match, when.day) or last
        if last.day is not None and last.day < when.day:
            return replace(when, problem="That would end before it begins. When is it?"), match.end()
        return replace(when, last_day=last.day, through=True, problem=when.problem or last.problem), match.end()

    def _next(self, text: str, position: int) -> tuple[Rule, Match, When] | None:
        """The day that begins there."""
        for rule in ONE_DAY:
            match = rule.pattern.match(text, position)
            when = self._told(rule, NO_TIME, match) if match is not None else None
            if match is not None and when is not None:
                return rule, match, when
        return None

    def _told(self, rule: Rule, when: When, match: Match) -> When | None:
        return _told(rule, when, match, self._today)


def _told(rule: Rule, when: When, match: Match, today: date) -> When | None:
    """None if it is not about time at all."""
    try:
        return rule.read(when, match, today)
    except Unclear as unclear:
        return replace(when, problem=when.problem or str(unclear))
    except (NotATime, ValueError, OverflowError):
        return None


def _found(rules: Iterable[Rule], text: str) -> list[tuple[Rule, Match]]:
    """As they stand in the text; but "Monday's slides" may be what a todo is called."""
    found = [(rule, match) for rule in rules for match in rule.pattern.finditer(text)]
    return sorted(found, key=lambda one: (one[1][0].endswith("'s"), one[1].start()))


def _without(text: str, start: int, end: int) -> str:
    return f"{text[:start]} {text[end:]}"


def _tidied(text: str) -> str:
    text = re.sub(r"\s+", " ", re.sub(r"\(\s*\)", " ", text)).strip(" ,;")
    return re.sub(r"\s+(?:on|at|for|by|to|until|from|in|due|and|,|-)$", "", text, flags=re.IGNORECASE).strip(" ,;")
