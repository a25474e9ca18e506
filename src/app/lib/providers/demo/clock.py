"""Times of day and lengths of time in plain English."""

from dataclasses import replace
from datetime import date, time, timedelta

from app.lib.providers.demo.when import Match, NotATime, Rule, Unclear, When, rules

PARTS = {"morning": time(9), "afternoon": time(15), "evening": time(19), "night": time(20)}
PART = rf"(?P<part>{'|'.join(PARTS)})"
_HOUR, _HALF_DAY, _DAY = 60, 720, 1440
_NOON, _HOURS = 12, 24
_LAST_NIGHTLY_HOUR, _LAST_OF_THE_NIGHT = 6, 4
_NUMBERS = {"half": 0.5, "a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
_MINUTES = {"m": 1, "h": _HOUR, "d": _DAY, "w": 7 * _DAY}
_FRACTIONS = {"half": 30, "quarter": 15, "twenty": 20, "ten": 10, "five": 5}

COUNT = r"(?P<n>\d+(?:[.,]\d+)?|half(?:\s+an?)?|an|one|two|three|four|five|six)"
_AND_A_HALF = r"(?:\s+and\s+a\s+half)?"
_LENGTH = (
    rf"{COUNT}{_AND_A_HALF}[\s-]*(?P<unit>minute|min|hour|hr|h)s?{_AND_A_HALF}"
    r"(?:(?:\s+and)?\s*(?P<more>(?<=h)\d\d|\d+(?=\s*m))\s*(?:minutes?|mins?|m)?)?"
)
_LONG_UNIT = r"(?P<unit>minute|min|hour|hr|h|day|week)s?"
_HALF = r"am|pm|a\.m\.|p\.m\."
_TO = r"\s*(?:to|-|\u2013|\u2014|until|till)\s*"
_EXACT = rf"(?=\d\d?(?:[:h]\d\d|h\b|\s*(?:{_HALF})))"
_NOT_A_COUNT = r"(?!\s*[:.\d/%€$]|\s+(?:minutes?|hours?|days?|weeks?|people|times?))"
_TAKING = r"(?:(?:for|of|takes?|taking|lasting)\s+)?(?:about\s+)?"
_NOT_AN_OFFSET = r"(?!\s+(?:before|after|ago|early|from|past|in advance)\b)"
_NOT_PAGES = r"(?<!page )(?<!pages )(?<!chapter )(?<!chapters )"
_NOT_A_LENGTH = r"(?<!for )(?<!of )(?<!about )(?<!takes )"


def settled(when: When, today: date) -> When:
    """One time of day out of all that was said about it. Nobody plans the dentist at 3 in the night."""
    if when.at is None:
        return replace(when, at=PARTS.get(when.part))
    hour = when.at.hour
    by_night = when.part == "night" and (hour <= _LAST_OF_THE_NIGHT or hour == _NOON)
    if by_night or (when.at == time(0) and when.day == today):
        # The small hours belong to the night before.
        day = (when.day or today) + timedelta(days=1)
        return replace(when, day=day, at=when.at.replace(hour=hour % _NOON), vague=False)
    later = when.vague and (when.part != "morning" if when.part else hour <= _LAST_NIGHTLY_HOUR)
    at = when.at.replace(hour=hour + _NOON) if later else when.at
    return replace(when, at=at, vague=when.vague and not when.part and not later)


def _clock(match: Match, prefix: str = "") -> tuple[int, bool]:
    """Minutes since midnight, and whether the half of the day was left unsaid."""
    said = match.groupdict()
    hours, minutes, half = (said.get(f"{prefix}{name}") or "" for name in ("h", "m", "ap"))
    hour, minute, half = int(hours), int(minutes or 0), half.lower().replace(".", "")
    exact = half in {"am", "pm"}
    if hour >= _HOURS or minute >= _HOUR or (exact and hour == 0) or (half == "am" and hour > _NOON):
        raise _no_such_time(match) if minutes or exact else NotATime
    if exact and hour <= _NOON:
        hour = hour % _NOON + (_NOON if half == "pm" else 0)
    return hour * _HOUR + minute, not exact and 1 <= hour < _NOON and hours[0] != "0"


def _no_such_time(match: Match) -> Unclear:
    said = match[0].lstrip("abcdefghijklmnopqrstuvwxyz@ ").strip()
    return Unclear(f"There is no time like {said}. Could you write it as in 15:30?")


def _of_day(minutes: int) -> time:
    return time(minutes // _HOUR % _HOURS, minutes % _HOUR)


def _length(match: Match) -> int:
    said = match.groupdict()
    number = said["n"].lower().split()[0]
    count = (_NUMBERS.get(number) or float(number.replace(",", "."))) + (
        0.5 if "half" in match[0][len(number) :] else 0
    )
    return round(count * _MINUTES[said["unit"][0].lower()]) + int(said.get("more") or 0)


def _lasting(when: When, match: Match, _: date) -> When:
    return replace(when, minutes=_length(match))


def _shifted(when: When, match: Match, _: date) -> When:
    minutes = _length(match)
    return replace(when, shift=timedelta(minutes=-minutes if match[0].lower().endswith("earlier") else minutes))


def _between(when: When, match: Match, _: date) -> When:
    """In "from 2 to 3 pm" and "9am-11" the half of the day is said once, in "11 to 14" it need not be."""
    (start, start_vague), (end, end_vague) = _clock(match, "a"), _clock(match, "b")
    if not end_vague and not match.groupdict().get("bap"):
        start_vague = False
    minutes = (end - start) % (_HALF_DAY if start_vague or end_vague else _DAY) or _HALF_DAY
    if start_vague and not end_vague:
        start, start_vague = (end - minutes) % _DAY, False
    return replace(when, at=_of_day(start), minutes=minutes, vague=start_vague)


def _bare_range(when: When, match: Match, today: date) -> When:
    """It is one in "tomorrow 9-10", but not in "tasks 9-10"."""
    if when.day is None:
        raise NotATime
    return _between(when, match, today)


def _at(when: When, match: Match, _: date) -> When:
    minutes, vague = _clock(match)
    return replace(when, at=_of_day(minutes), vague=vague)


def _bare_hour(when: When, match: Match, today: date) -> When:
    try:
        return _at(when, match, today)
    except NotATime:
        # "At 25" is no time, but "at 25 Main Street" is not meant for one.
        raise NotATime if match.string[match.end() :].strip(" .!?") else _no_such_time(match) from None


def _with_h(when: When, match: Match, today: date) -> When:
    """It is one in "15h30"; "2h30" is a length, unless it says "at"."""
    if not match["at"] and int(match["h"]) <= _LAST_NIGHTLY_HOUR:
        raise NotATime
    return _at(when, match, today)


def _past(when: When, match: Match, _: date) -> When:
    minutes, vague = _clock(match)
    fraction = _FRACTIONS[match["fraction"].lower()]
    at = minutes + fraction if match["side"].lower() == "past" else minutes - fraction
    return replace(when, at=_of_day(at % _DAY), vague=vague)


def _named(when: When, match: Match, _: date) -> When:
    return replace(when, at=time(0) if match["word"].lower() == "midnight" else time(_NOON))


def _part(when: When, match: Match, _: date) -> When:
    return replace(when, part=match["part"].lower())


def _time(prefix: str) -> str:
    return rf"(?P<{prefix}h>\d\d?)(?:[:.h](?P<{prefix}m>\d\d)|h\b)?\s*(?P<{prefix}ap>{_HALF})?"


def clock_rules(at: str) -> list[Rule]:
    """`at` is what may stand before an hour that has no minutes, am or pm."""
    before = rf"(?:{at}|by|to|for|from|until|till|before|after)\s*"
    return rules(
        ("shift", rf"in\s+(?:{_LENGTH})", _shifted),
        ("shift", rf"(?:in|by)\s+{COUNT.replace('an|', 'an?|')}\s*{_LONG_UNIT}", _shifted),
        ("shift", rf"(?:by\s+)?{COUNT.replace('an|', 'an?|')}\s*{_LONG_UNIT}\s+(?:earlier|later)", _shifted),
        ("at", rf"(?:from|between)\s+{_time('a')}(?:{_TO}|\s+and\s+){_time('b')}{_NOT_A_COUNT}", _between),
        ("at", rf"(?:at\s+)?{_EXACT}{_time('a')}{_TO}{_time('b')}{_NOT_A_COUNT}", _between),
        ("at", rf"(?:at\s+)?{_time('a')}{_TO}{_EXACT}{_time('b')}", _between),
        ("at", rf"{_NOT_PAGES}(?P<ah>\d\d?)\s*[-\u2013]\s*(?P<bh>\d\d?)(?=\s*$)", _bare_range),
        ("at", rf"(?P<at>(?:{at}|by|from|until)\s+)?{_NOT_A_LENGTH}(?P<h>\d\d?)h(?P<m>\d\d)?", _with_h),
        ("minutes", rf"{_TAKING}{_LENGTH}(?:\s+(?:long|of|for)(?=\s))?{_NOT_AN_OFFSET}", _lasting),
        (
            "at",
            rf"(?:{before})?(?P<fraction>{'|'.join(_FRACTIONS)})\s+(?P<side>past|to)\s+(?P<h>\d\d?)\s*(?P<ap>{_HALF})?",
            _past,
        ),
        ("at", r"(?:(?:at|by|from|to|around)\s+|@\s*)?(?:12\s+)?(?P<word>noon|midday|midnight|lunch ?time)", _named),
        ("at", rf"{before}(?P<h>\d\d?)[:.](?P<m>\d\d)\s*(?P<ap>{_HALF})?", _at),
        ("at", rf"(?:{before})?(?P<h>\d\d?)(?:[:.](?P<m>\d\d))?\s*(?P<ap>{_HALF}|o'?clock)", _at),
        ("at", r"(?P<h>\d\d?):(?P<m>\d\d)", _at),
        ("at", rf"{at}\s*(?P<h>\d\d?)(?:ish)?{_NOT_A_COUNT}", _bare_hour),
        ("part", rf"(?:in the|during the|at)\s+{PART}", _part),
    )
