"""Days, dates and periods in plain English."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from app.lib.providers.demo.clock import PART
from app.lib.providers.demo.when import Match, NotATime, Unclear, When, rules

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_COUNTS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_WEEK, _FRIDAY, _SATURDAY, _SUNDAY = 7, 4, 5, 6
_MOST_MONTHS_OR_YEARS = 12
"""A 31st comes again within two months, a 29 February within eight years."""

_ON = r"(?:(?:on|by|for|due|until|till|before|from)\s+)?"
_NAME = rf"(?P<name>{'|'.join(_DAYS)})"
_SHORT = r"mon|tues?|wed|thu(?:rs?)?|fri|sat|sun"
_WEEKDAY = rf"(?P<weekday>{'|'.join(_DAYS)}|{_SHORT})\.?,?\s+(?:the\s+)?"
_DATE = rf"{_ON}(?:{_WEEKDAY})?(?:the\s+)?"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_NTH = r"(?:st|nd|rd|th)"
_TO = r"\s*(?:-|\u2013|\u2014|to|until|till|through)\s*"
_YEAR = r"(?:,?\s+(?P<y>\d{4}))?"
_BEFORE_A_SPAN = ("the", "my", "next", "coming", "this", "last", "past", "of")
_WHICH = r"(?P<which>next|coming|this|last|past)"


def _on(when: When, match: Match, day: date) -> When:
    """That day, if it is the day of the week that it is said to be."""
    said = (match.groupdict().get("weekday") or "").lower()
    if not f"{day:%A}".lower().startswith(said[:3]):
        raise Unclear(f"{day.day} {day:%B %Y} is a {day:%A}. Which day do you mean?")
    return replace(when, day=day)


def _existing(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _iso(when: When, match: Match, _: date) -> When:
    day = _existing(int(match["y"]), int(match["mo"]), int(match["d"]))
    if day is None:
        raise Unclear(f"There is no day {match['y']}-{match['mo']}-{match['d']}. Which day do you mean?")
    return _on(when, match, day)


def _dated(when: When, match: Match, today: date) -> When:
    """Without a year it is the next one that comes."""
    said = match.groupdict()
    month = next(n for n, name in enumerate(_MONTHS, 1) if name.lower().startswith(match["month"].lower()[:3]))
    last = int(said.get("last") or match["d"])
    year = int(match["y"] or today.year)
    days = [_existing(year + more, month, last) for more in range(1 if match["y"] else _MOST_MONTHS_OR_YEARS)]
    day = next((day for day in days if day and (match["y"] or day >= today)), None)
    if day is None:
        raise Unclear(f"There is no {last} {_MONTHS[month - 1]}{f' {year}' if match['y'] else ''}. Which day is it?")
    first = int(said.get("first") or match["d"])
    if first >= last:
        return _on(when, match, day)
    return replace(_on(when, match, day.replace(day=first)), last_day=day, through=True)


def _slashed(when: When, match: Match, today: date) -> When:
    """Some write the day first and some the month, so it counts only where that makes no difference."""
    year = match.groupdict().get("y")
    years = [int(f"20{year}"[-4:])] if year else [today.year, today.year + 1]
    possible = []
    for number, month in sorted({(int(match["a"]), int(match["b"])), (int(match["b"]), int(match["a"]))}):
        days = [_existing(one, month, number) for one in years]
        possible += [day for day in days if day and (year or day >= today)][:1]
    if len(possible) == 1:
        return _on(when, match, possible[0])
    if not year and not match["on"] and not _CLOCK_FOLLOWS.match(match.string, match.end()):
        raise NotATime
    said = match["written"]
    if not possible:
        raise Unclear(f"There is no day {said}. Could you write it as in {today}?")
    meant = " or ".join(f"{day.day} {day:%B %Y}" for day in possible)
    raise Unclear(f"{said} could be {meant}. Could you write it as in {possible[0]}?")


def _dotted(when: When, match: Match, today: date) -> When:
    """Where dots are written the day comes first."""
    month = int(match["mo"])
    if not 1 <= month <= len(_MONTHS):
        raise NotATime
    year = int(match["y"] or today.year)
    day = _existing(year, month, int(match["d"]))
    if day is not None and day < today and not match["y"]:
        day = _existing(year + 1, month, int(match["d"]))
    if day is None:
        raise Unclear(f"There is no day {match[0].strip()}. Which day do you mean?")
    return _on(when, match, day)


def _of_month(when: When, match: Match, today: date) -> When:
    months = [(today.year + n // 12, n % 12 + 1) for n in range(today.month - 1, today.month + _MOST_MONTHS_OR_YEARS)]
    days = [_existing(year, month, int(match["d"])) for year, month in months]
    day = next((day for day in days if day is not None and day >= today), None)
    if day is None:
        raise Unclear(f"No month has a day {match['d']}. Which day do you mean?")
    return _on(when, match, day)


def _in_days(days: int) -> Callable[[When, Match, date], When]:
    def rule(when: When, match: Match, today: date) -> When:
        return _with_part(replace(when, day=today + timedelta(days=days)), match)

    return rule


def _ahead(when: When, match: Match, today: date) -> When:
    count = match["n"].lower()
    days = (_COUNTS.get(count) or int(count)) * (_WEEK if match["unit"].lower() == "week" else 1)
    return replace(when, day=today + timedelta(days=days))


def _tonight(when: When, _: Match, today: date) -> When:
    return replace(when, day=today, part="night")


def _with_part(when: When, match: Match) -> When:
    return replace(when, part=(match.groupdict().get("part") or when.part).lower())


def _span(when: When, match: Match, today: date) -> When:
    which = (match["which"] or "").lower()
    ahead = {"next": 1, "coming": 1, "last": -1, "past": -1}.get(which, 0)
    monday = today + timedelta(days=_WEEK * ahead - today.weekday())
    first, last = monday, monday + timedelta(days=_SUNDAY)
    match match["span"].lower():
        case "month":
            month = today.month - 1 + ahead
            first = date(today.year + month // 12, month % 12 + 1, 1)
            last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        case "weekend":
            first = monday + timedelta(days=_SATURDAY)
    if match["end"]:
        last = monday + timedelta(days=_FRIDAY) if match["span"].lower() == "week" else last
        return replace(when, day=max(last, today))
    return replace(when, day=first if ahead else max(first, today), last_day=last)


def _weekday(when: When, match: Match, today: date) -> When:
    index = next(n for n, name in enumerate(_DAYS) if name.lower().startswith(match["name"].lower()[:3]))
    ahead = (index - today.weekday()) % _WEEK
    match (match.groupdict().get("which") or "").lower():
        case "next":
            ahead = _WEEK - today.weekday() + index
        case "last" | "past":
            ahead = ahead - _WEEK
    return _with_part(replace(when, day=today + timedelta(days=ahead)), match)


def _never_again(_: When, __: Match, ___: date) -> When:
    raise Unclear("I cannot plan what repeats. Which day is the first?")


_CLOCK_FOLLOWS = re.compile(r"\s*(?:at\b|from\b|@)")
_D = rf"(?P<d>\d\d?){_NTH}?"
# "The week" is a period, but "week" alone may be part of a name.
_LONG_SPAN = rf"(?:{'|'.join(f'(?<={word} )' for word in _BEFORE_A_SPAN)})(?:week|month)"
_END_OF = r"(?P<end>(?:the\s+)?end\s+of\s+)?"
_SPAN = rf"(?P<span>weekend|{_LONG_SPAN})"
_SLASHED = r"(?!24/7)(?P<written>(?P<a>\d\d?)/(?P<b>\d\d?))"
_SLASHED_WITH_YEAR = r"(?P<written>(?P<a>\d\d?)(?P<sep>[/-])(?P<b>\d\d?)(?P=sep)(?P<y>\d{4}|\d\d))"
_FIRST = rf"(?P<first>\d\d?){_NTH}?{_TO}"
_LAST = rf"{_TO}(?P<last>\d\d?){_NTH}?(?!\s*[:\d]|\s*[ap]\.?m)"
_REPEATED = rf"day|week|weekend|month|year|morning|evening|night|{'|'.join(_DAYS)}"

ONE_DAY = rules(
    ("day", rf"every\s+(?:other\s+|second\s+)?(?:{_REPEATED})s?", _never_again),
    ("day", rf"{_DATE}(?P<y>\d{{4}})[-/](?P<mo>\d\d?)[-/](?P<d>\d\d?)", _iso),
    ("day", rf"{_DATE}{_SLASHED_WITH_YEAR}", _slashed),
    ("day", rf"(?P<on>(?:on|by|for|due|until|before|from|to)\s+(?:{_WEEKDAY})?)?{_SLASHED}", _slashed),
    ("day", rf"{_DATE}(?P<d>\d\d?)\.(?P<mo>\d\d?)\.(?P<y>\d{{4}})?", _dotted),
    ("day", rf"(?:on|due|until)\s+(?:{_WEEKDAY})?(?P<d>\d\d?)\.(?P<mo>\d\d?)(?P<y>)", _dotted),
    ("day", r"(?P<d>\d\d?)\.(?P<mo>\d\d?)(?P<y>)(?=\s+at\b)", _dotted),
    ("day", rf"{_DATE}(?:{_FIRST})?{_D}\s+(?:of\s+)?{_MONTH}{_YEAR}", _dated),
    ("day", rf"{_DATE}{_MONTH}\s+(?:the\s+)?{_D}(?:{_LAST})?{_YEAR}(?!\s*[:\d]|\s*[ap]m)", _dated),
    ("day", rf"(?:on\s+(?:the\s+)?|{_ON}{_WEEKDAY})(?P<d>\d\d?){_NTH}", _of_month),
    ("day", rf"(?:by|for|due|until|before|to|from)\s+the\s+(?P<d>\d\d?){_NTH}(?=\W*$|\s+(?:at|from|in|@))", _of_month),
    ("day", rf"{_ON}(?:the\s+)?day after tomorrow", _in_days(2)),
    ("day", rf"{_ON}(?:tomorrow|tomorow|tmrw)(?:'s)?(?:\s+{PART})?", _in_days(1)),
    ("day", rf"{_ON}(?:this|today)\s+{PART}", _in_days(0)),
    ("day", rf"{_ON}today(?:'s)?", _in_days(0)),
    ("day", r"(?:for\s+)?tonight", _tonight),
    ("day", rf"{_ON}yesterday(?:'s)?(?:\s+{PART})?", _in_days(-1)),
    (
        "day",
        r"(?:in\s+)?(?P<n>\d+|an?|one|two|three|four|five|six)\s+(?P<unit>day|week)s?\s+from\s+(?:now|today)",
        _ahead,
    ),
    ("day", r"in\s+(?P<n>\d+|an?|one|two|three|four|five|six)\s+(?P<unit>day|week)s?(?:'s?)?(?:\s+time)?", _ahead),
    ("day", rf"{_ON}{_NAME}\s+(?:of\s+)?{_WHICH}\s+week(?:\s+in\s+the\s+{PART})?", _weekday),
    ("day", rf"{_ON}{_WHICH}\s+week\s+(?:on\s+)?{_NAME}(?:\s+{PART})?", _weekday),
    ("day", rf"{_ON}(?:the\s+|{_WHICH}\s+)?{_NAME}s?(?:'s)?(?:\s+{PART})?", _weekday),
    ("day", rf"(?:on|by|for|until|to|from|{_WHICH})\s+(?P<name>{_SHORT})\.?(?:\s+{PART})?", _weekday),
)
"""In order of trust: of two that begin at the same word, the first counts."""

PERIOD = rules(
    ("day", rf"(?:{_ON}|at\s+){_END_OF}(?:the\s+|my\s+)?(?:{_WHICH}\s+)?{_SPAN}(?:'s)?", _span),
)
