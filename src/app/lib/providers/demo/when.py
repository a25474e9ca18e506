"""Days and times in plain English: found in a request, and taken out of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, time, timedelta

MORNING, AFTERNOON, EVENING, NIGHT = time(9), time(15), time(19), time(20)
_NOON, _LAST_NIGHTLY_HOUR = 12, 6
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_PARTS = {"morning": MORNING, "afternoon": AFTERNOON, "evening": EVENING, "night": NIGHT}
_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "half an": 0.5,
    "half a": 0.5,
}
_MINUTES = {"min": 1, "hou": 60, "hr": 60, "h": 60, "day": 1440, "wee": 10_080}


@dataclass(frozen=True, slots=True)
class When:
    """What a request says about time, and nothing that it does not say."""

    day: date | None = None
    last_day: date | None = None
    """Of a period such as a week."""
    at: time | None = None
    until: time | None = None
    minutes: int | None = None
    """How long."""
    shift: timedelta | None = None
    """From now, or from when it was."""
    vague: bool = False
    """The hour was said without am or pm."""

    def __bool__(self) -> bool:
        return self != NO_TIME


NO_TIME = When()
Match = re.Match[str]
Rule = Callable[[When, Match, date], When]


class NotATime(Exception):
    """It looked like one, as `25:80` does."""


class Reader:
    """Reads requests, knowing what day it is."""

    def __init__(self, today: date, *, bare_hours: bool = False) -> None:
        """`bare_hours` takes "to 3" for a time as well, where nothing else can be meant."""
        self._today = today
        self._rules = _WITH_BARE_HOURS if bare_hours else _USUAL

    def read(self, text: str) -> tuple[When, str]:
        """What the text says about time, and the text without it."""
        when = NO_TIME
        for pattern, rule in self._rules:
            match = pattern.search(text)
            if match is None:
                continue
            try:
                when = rule(when, match, self._today)
            except (NotATime, ValueError, OverflowError):
                continue
            text = f"{text[: match.start()]} {text[match.end() :]}"
        return when, _tidied(text)


def _tidied(text: str) -> str:
    text = re.sub(r"\s+", " ", text).strip(" ,;")
    return re.sub(r"\s+(?:on|at|for|by|to|until|from|in|due|and|,)$", "", text, flags=re.IGNORECASE).strip(" ,;")


def _number(text: str) -> float:
    return _NUMBERS.get(text.lower()) or float(text.replace(",", "."))


def _length(match: Match) -> float:
    unit = match["unit"].lower()[:3]
    return _number(match["n"]) * _MINUTES[unit if unit in _MINUTES else unit[:2]]


def _clock(match: Match, prefix: str = "") -> tuple[time, bool]:
    """A time of day, and whether its half of the day was left unsaid."""
    hour = int(match[f"{prefix}h"])
    half = (match[f"{prefix}ap"] or "").lower().replace(".", "")
    if half in {"am", "pm"}:
        if not 1 <= hour <= _NOON:
            raise NotATime
        hour = hour % _NOON + (_NOON if half == "pm" else 0)
    vague = half not in {"am", "pm"} and 1 <= hour < _NOON and match[f"{prefix}h"][0] != "0"
    # Nobody plans the dentist at 3 in the night.
    if vague and hour <= _LAST_NIGHTLY_HOUR:
        hour += _NOON
    return time(hour, int(match[f"{prefix}m"] or 0)), vague


def _lasting(when: When, match: Match, _: date) -> When:
    return replace(when, minutes=round(_length(match)))


def _shifted(when: When, match: Match, _: date) -> When:
    return replace(when, shift=timedelta(minutes=_length(match)))


def _iso(when: When, match: Match, _: date) -> When:
    return replace(when, day=date(int(match["y"]), int(match["mo"]), int(match["d"])))


def _dated(when: When, match: Match, today: date) -> When:
    month = _MONTHS.index(match["month"].lower()[:3]) + 1
    day = date(int(match["y"] or today.year), month, int(match["d"]))
    return replace(when, day=day if match["y"] or day >= today else day.replace(year=day.year + 1))


def _of_month(when: When, match: Match, today: date) -> When:
    day = today.replace(day=int(match["d"]))
    return replace(when, day=day if day >= today else _next_month(today).replace(day=day.day))


def _next_month(day: date) -> date:
    """Its first day."""
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _in_days(days: int) -> Rule:
    def rule(when: When, match: Match, today: date) -> When:
        return _part(replace(when, day=today + timedelta(days=days)), match, today)

    return rule


def _tonight(when: When, _: Match, today: date) -> When:
    return replace(when, day=today, at=NIGHT)


def _span(when: When, match: Match, today: date) -> When:
    later = bool(match["which"]) and match["which"].lower().split()[-1] in {"next", "coming"}
    monday = today + timedelta(days=(7 if later else 0) - today.weekday())
    match match["span"].lower():
        case "month":
            first = _next_month(today) if later else today
            return replace(when, day=first, last_day=_next_month(first) - timedelta(days=1))
        case "weekend":
            return replace(when, day=monday + timedelta(days=5), last_day=monday + timedelta(days=6))
    return replace(when, day=max(monday, today), last_day=monday + timedelta(days=6))


def _weekday(when: When, match: Match, today: date) -> When:
    index = next(n for n, name in enumerate(_DAYS) if name.startswith(match["day"].lower()[:3]))
    ahead = (index - today.weekday()) % 7
    if "next" in match[0].lower().split():
        ahead = 7 - today.weekday() + index
    return _part(replace(when, day=today + timedelta(days=ahead)), match, today)


def _between(when: When, match: Match, _: date) -> When:
    until, _vague = _clock(match, "b")
    at, vague = _clock(match, "a")
    # In "from 2 to 3 pm" and "9-10am" the half of the day is said once.
    if not match["aap"] and (match["bap"] or "").lower() in {"am", "pm"}:
        same = time(int(match["ah"]) % _NOON + until.hour // _NOON * _NOON, at.minute)
        at, vague = (same if same < until else at), False
    return replace(when, at=at, until=until, vague=vague)


def _named(when: When, match: Match, _: date) -> When:
    return replace(when, at=time(0) if match["word"].lower() == "midnight" else time(_NOON))


def _at(when: When, match: Match, _: date) -> When:
    if when.until is not None:
        raise NotATime
    at, vague = _clock(match)
    if vague and when.at is not None and when.at.hour >= _NOON > at.hour:
        # "Tomorrow evening at 8": the part of the day tells which 8.
        at, vague = at.replace(hour=at.hour + _NOON), False
    return replace(when, at=at, vague=vague)


def _part(when: When, match: Match, _: date) -> When:
    part = (match.groupdict().get("part") or "").lower()
    if not part:
        return when
    if when.at is None:
        return replace(when, at=_PARTS[part])
    later = part != "morning" and when.vague and when.at.hour < _NOON
    return replace(when, at=when.at.replace(hour=when.at.hour + _NOON) if later else when.at, vague=False)


_ON = r"(?:(?:on|by|for|due|until|till|before|from)\s+)?"
_N = r"(?P<n>\d+(?:[.,]\d+)?|half an?|an?|one|two|three|four|five|six)"
_UNIT = r"(?P<unit>minute|min|hour|hr|h)s?"
_DAY = rf"(?P<day>{'|'.join(_DAYS)})s?"
_MONTH = (
    r"(?P<month>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?"
    r"|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_NTH = r"(?P<d>\d{1,2})(?:st|nd|rd|th)"
_YEAR = r"(?:,?\s+(?P<y>\d{4}))?"
_PART = r"(?P<part>morning|afternoon|evening|night)"
_HALF = r"am|pm|a\.m\.|p\.m\."
_THEN = r"\s*(?:to|-|\u2013|and|until|till)\s*"
_NOT_A_COUNT = r"(?!\s*[:.\d/%€$]|\s+(?:minutes?|hours?|days?|weeks?|people|times?))"


def _time(prefix: str) -> str:
    return rf"(?P<{prefix}h>\d{{1,2}})(?:[:.](?P<{prefix}m>\d\d))?\s*(?P<{prefix}ap>{_HALF})?"


def _table(at: str) -> list[tuple[re.Pattern[str], Rule]]:
    """`at` is what may stand before an hour that has no minutes, am or pm."""
    rules: list[tuple[str, Rule]] = [
        (rf"(?:for|of|takes?|taking|lasting)\s+(?:about\s+)?{_N}\s*-?{_UNIT}", _lasting),
        (rf"{_N}[\s-]*{_UNIT}\s+(?:long|of)", _lasting),
        (rf"(?:in|by)\s+{_N}\s*(?P<unit>minute|min|hour|hr|h|day|week)s?", _shifted),
        (rf"{_ON}(?P<y>\d{{4}})-(?P<mo>\d\d)-(?P<d>\d\d)", _iso),
        (rf"{_ON}(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?{_MONTH}{_YEAR}", _dated),
        (rf"{_ON}{_MONTH}\s+(?:the\s+)?(?P<d>\d{{1,2}})(?:st|nd|rd|th)?{_YEAR}(?!\s*[:\d]|\s*[ap]m)", _dated),
        (rf"(?:on|by|for|due|until|before|to)\s+the\s+{_NTH}", _of_month),
        (rf"{_ON}(?:the\s+)?day after tomorrow", _in_days(2)),
        (rf"{_ON}(?:tomorrow|tomorow|tmrw)(?:'s)?(?:\s+{_PART})?", _in_days(1)),
        (rf"{_ON}(?:this|today)\s+{_PART}", _in_days(0)),
        (rf"{_ON}today(?:'s)?", _in_days(0)),
        (r"tonight", _tonight),
        (rf"{_ON}yesterday(?:'s)?", _in_days(-1)),
        (rf"{_ON}(?P<which>(?:the\s+)?(?:next|coming|this)|the)?\s*\b(?P<span>weekend|week|month)(?:'s)?", _span),
        (rf"{_ON}(?:the\s+)?(?:next|this|coming)?\s*\b{_DAY}(?:'s)?(?:\s+{_PART})?", _weekday),
        (rf"(?:on|by|for|until|next|this|to)\s+(?P<day>mon|tue|wed|thu|fri|sat|sun)\.?(?:\s+{_PART})?", _weekday),
        (rf"(?:from|between)\s+{_time('a')}{_THEN}{_time('b')}", _between),
        (rf"(?:at\s+)?{_time('a')}{_THEN}(?P<bh>\d{{1,2}})(?:[:.](?P<bm>\d\d))?\s*(?P<bap>{_HALF})", _between),
        (r"(?:(?:at|by|from|to|around)\s+|@\s*)?(?:12\s+)?(?P<word>noon|midday|midnight|lunch ?time)", _named),
        (rf"(?:{at}|by|from|until|till|before|after)\s*(?P<h>\d{{1,2}})[:.](?P<m>\d\d)\s*(?P<ap>{_HALF})?", _at),
        (
            (
                rf"(?:(?:{at}|by|to|for|from|until|before|after)\s*)?(?P<h>\d{{1,2}})(?:[:.](?P<m>\d\d))?\s*"
                rf"(?P<ap>{_HALF}|o'?clock)"
            ),
            _at,
        ),
        (r"(?P<h>\d{1,2}):(?P<m>\d\d)(?P<ap>)", _at),
        (rf"{at}\s*(?P<h>\d{{1,2}})(?P<m>)(?P<ap>){_NOT_A_COUNT}", _at),
        (rf"(?:in the|at)\s+{_PART}", _part),
    ]
    return [(re.compile(rf"(?<!\w){pattern}(?!\w)", re.IGNORECASE), rule) for pattern, rule in rules]


_USUAL = _table(r"(?:at|@|around)")
_WITH_BARE_HOURS = _table(r"(?:at|@|around|about|by|to|for|until)")
