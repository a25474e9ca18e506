"""What a user asks for: plain English to one of a few things that the tools can do. Rules, no language model."""

import re
from dataclasses import dataclass, replace
from datetime import date

from app.lib.providers.demo.phrases import PHRASES, Want
from app.lib.providers.demo.reader import Reader
from app.lib.providers.demo.when import NO_TIME, When


@dataclass(frozen=True, slots=True)
class Wish:
    want: Want
    what: str = ""
    when: When = NO_TIME
    target: str = ""
    """The new name, or the new importance."""
    source: When = NO_TIME
    """The day that something is on now."""
    tags: tuple[str, ...] = ()
    importance: str = ""
    status: str = ""
    choice: int = 0
    """Counted from 1; -1 is the last."""


_POLITE = re.compile(
    r"^(?:(?:hi|hello|hey|ok|okay|so|well|now|and|also|then|please|pls|kindly|just|thanks|great)\b[,!. ]+"
    r"|(?:can|could|would|will) you (?:please )?|i(?:'d| would) like you to |i want you to |let's |let us )+",
    re.IGNORECASE,
)
_POLITE_END = re.compile(
    r"(?:[,. ]+(?:please|pls|thanks|thank you|for me|will you|would you))*[\s.!?]*$", re.IGNORECASE
)
_WISHING = re.compile(r"^i(?:'d| would)? (?:want|like|wish) to (?P<rest>.+)", re.IGNORECASE)

_WHAT_ABOUT = re.compile(r"^(?:and )?(?:(?:what|how) about )?(?P<what>.+?)\s*\?$", re.IGNORECASE)
_TALK = re.compile(
    r"(?:what|who|why|how|which|where|when|is|are|do|does|did|can|tell|write|explain|i|you)\b", re.IGNORECASE
)


_LONGEST = 500
"""Characters. Rules that look everywhere would take too long over more, and nobody asks for a todo in an essay."""
_SMALL_TALK = {Want.GREETING, Want.THANKS, Want.HELP}
_TIMED = {Want.CREATE, Want.SCHEDULE, Want.MOVE, Want.LIST, Want.ANALYZE}
_UNITS = {"hour": "for 1 hour ", "half hour": "for 30 minutes "}
_YES = {"yes", "yep", "yeah", "sure", "right", "correct", "exactly"}
_CHOICES = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "last": -1}
_LEVELS = {
    "important": "high",
    "more important": "high",
    "less important": "low",
    "normal": "medium",
    "unimportant": "low",
}
_NO_NAMES = {"something", "anything", "something new", "stuff", "one", "it"}
_MARKS = " \"'“”\u2018\u2019.,;:!?-"
_TAG = re.compile(r"(?<!\w)#(\w[\w-]*)")
_IMPORTANCE = re.compile(
    r"(?<!\w)[(\[,]?\s*(?:it(?:'s| is)\s+)?"
    r"(?P<level>urgent(?:ly)?|important|high[\s-]priority|low[\s-]priority|asap)\s*[)\]!]*(?!\w)",
    re.IGNORECASE,
)
_WEIGHT = re.compile(
    r"\b(?P<level>urgent|important|unimportant|(?:high|low|medium|normal)(?=[\s-](?:priority|importance)))\b",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"^(?:(?:to|about|of|that|for|me|i|need|have|must|should|my|the|an?|called|named|with|:|-|todo|task|reminder|new)"
    r"(?:\s+|$))+",
    re.IGNORECASE,
)
_TRAILING = re.compile(
    r"(?:\s+(?:todo|to-do|task|reminder|item|entry"
    r"|(?:from|on|off|to|in) (?:my|the) (?:\w+ )?(?:list|todos|tasks|calendar|schedule)))+$",
    re.IGNORECASE,
)
_STATUS = (
    ("completed", re.compile(r"\b(?:done|completed?|finish(?:ed)?)\b", re.IGNORECASE)),
    ("in_progress", re.compile(r"\b(?:in progress|started)\b", re.IGNORECASE)),
    ("pending", re.compile(r"\b(?:open|pending|left|undone|unfinished|still)\b", re.IGNORECASE)),
)


def understand(text: str, today: date) -> Wish:
    """What the text asks for."""
    if len(text) > _LONGEST:
        return Wish(Want.UNKNOWN, text)
    text = " ".join(text.replace("\u2019", "'").split())
    # "Hello there" is a greeting, but "hello, add milk" is not.
    wish = _first(text.rstrip(" .!?"), today)
    if wish.want in _SMALL_TALK:
        return wish
    said = _POLITE_END.sub("", _POLITE.sub("", text))
    wish = _first(said, today)
    wishing = _WISHING.match(said)
    if wish.want is Want.UNKNOWN and wishing is not None:
        wish = _first(wishing["rest"], today)
    about = _WHAT_ABOUT.match(text.strip()) if wish.want is Want.UNKNOWN else None
    when, rest = Reader(today).read(about["what"]) if about is not None else (NO_TIME, "")
    if when and not rest:
        return Wish(Want.LIST, when=when)
    if wish.want is Want.UNKNOWN and (wishing is not None or _looks_like_a_todo(said, text, today)):
        wish = _first(f"add {wishing['rest'] if wishing is not None else said}", today)
    return wish


def understand_reply(before: Wish, text: str, today: date) -> Wish | None:
    """What was asked for before, with what the text adds to it: the name or the time that was still missing."""
    when, rest = Reader(today, bare_hours=True).read(text.strip(" .!?"))
    if before.want is Want.CREATE and not before.what:
        named = understand(text, today)
        named = named if named.want is Want.CREATE else understand(f"add {text}", today)
        return replace(named, when=_merged(before.when, named.when), importance=named.importance or before.importance)
    if (
        before.want in _TIMED
        and when
        and not rest
        and (before.when.problem or (before.want is Want.MOVE and not before.when))
    ):
        return replace(before, when=_merged(before.when, when))
    return None


def _merged(before: When, after: When) -> When:
    day = after if after.day is not None else before
    clock = after if after.at is not None else before
    return replace(
        clock,
        day=day.day,
        last_day=day.last_day,
        through=day.through,
        minutes=after.minutes or before.minutes,
        shift=after.shift or before.shift,
        problem=after.problem,
    )


def _looks_like_a_todo(said: str, text: str, today: date) -> bool:
    """Something to do with its time and without a verb for us, such as "dentist tomorrow at 3"."""
    when, rest = Reader(today).read(said)
    return bool(when and rest) and not text.rstrip().endswith("?") and _TALK.match(said) is None


def subject_of(text: str, *, whole: bool = False) -> str:
    """What a todo is called, without articles and quotes. `whole` keeps words that may be part of a name."""
    text = text.strip(_MARKS)
    text = _TRAILING.sub("", text)
    cleaned = text if whole else _LEADING.sub("", text)
    return cleaned.strip(_MARKS)


def _first(said: str, today: date) -> Wish:
    for want, pattern in PHRASES:
        match = pattern.fullmatch(said)
        if match is not None:
            wish = _wish(want, match.groupdict() | {"said": said}, today)
            if wish is not None:
                return wish
    return Wish(Want.UNKNOWN, said)


def _wish(want: Want, found: dict[str, str | None], today: date) -> Wish | None:
    """None when the words fit a phrase but not its sense."""
    what, target, rest = (found.get(name) or "" for name in ("what", "target", "rest"))
    match want:
        case Want.MOVE | Want.MOVE_ALL:
            return _move(want, what or found.get("source") or "", target, today)
        case Want.RENAME:
            return _rename(what, target, today)
        case Want.CREATE | Want.SCHEDULE:
            return _new(want, f"{_UNITS.get(found.get('unit') or '', '')}{what} {rest}", found.get("level"), today)
        case Want.LIST | Want.ANALYZE:
            return _overview(want, found["said"] or "", today)
    return _about_one(want, found, today)


def _overview(want: Want, said: str, today: date) -> Wish:
    when, rest = Reader(today).read(said)
    status = next((name for name, words in _STATUS if words.search(rest)), "")
    level = _WEIGHT.search(rest)
    importance = _importance(level["level"]) if level is not None else ""
    return Wish(want, rest, when, status=status, tags=tuple(_TAG.findall(rest)), importance=importance)


def _about_one(want: Want, found: dict[str, str | None], today: date) -> Wish | None:
    what = found.get("what") or ""
    if want is Want.CHOICE:
        chosen = (found["choice"] or "").lower()
        if chosen in _YES:
            return Wish(want, "yes", choice=1)
        return Wish(want, choice=_CHOICES.get(chosen) or int(re.sub(r"\D", "", chosen) or 0))
    if want is Want.WEIGH:
        level = (found["level"] or "").lower()
        return Wish(want, subject_of(what), target=_LEVELS.get(level, level))
    if not what:
        return Wish(want)
    when, rest = Reader(today).read(what)
    return Wish(want, subject_of(rest), source=when) if rest else None


def _new(want: Want, what: str, level: str | None, today: date) -> Wish | None:
    when, rest = Reader(today).read(what)
    tags = tuple(_TAG.findall(rest))
    rest = _TAG.sub("", rest)
    weight = _IMPORTANCE.search(rest)
    if weight is not None and level is None:
        level = weight["level"]
        rest = f"{rest[: weight.start()]} {rest[weight.end() :]}"
    item = subject_of(" ".join(rest.split()))
    item = "" if item.lower() in _NO_NAMES else item
    # "Schedule tomorrow" is a question, but "add a task" wants one that is still to be named.
    return Wish(want, item, when, tags=tags, importance=_importance(level)) if item or want is Want.CREATE else None


def _importance(level: str | None) -> str:
    word = re.split(r"[\s-]", (level or "").lower())[0]
    return {"asap": "urgent", "urgently": "urgent"}.get(word) or _LEVELS.get(word, word)


def _move(want: Want, what: str, target: str, today: date) -> Wish:
    when, rest = Reader(today, bare_hours=True).read(target)
    source, subject = Reader(today).read(re.sub(r"\s+from\s+\d[\d:.]*$", "", what))
    if not when:
        # "Move the dentist tomorrow": what was taken for the day it is on is the day it shall be on.
        when, source, rest = source, NO_TIME, ""
    if rest and not when:
        subject = f"{subject} {rest}"
    return Wish(want, subject_of(subject), when, source=source)


def _rename(what: str, target: str, today: date) -> Wish:
    when, rest = Reader(today, bare_hours=True).read(f"to {target}")
    if when and not subject_of(rest).removeprefix("to").strip():
        return _move(Want.MOVE, what, f"to {target}", today)
    return Wish(Want.RENAME, subject_of(what), target=subject_of(target, whole=True))
