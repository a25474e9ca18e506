"""Which todos the words of a request mean."""

import re
from typing import Any

_SMALL_WORDS = {"the", "a", "an", "my", "with", "for", "to", "of", "and", "at", "on", "in", "next", "appointment"}
_ENDINGS = ("ing", "ed", "es", "s", "e")
_SHORTEST_STEM = 3
_NAMED, _WHOLE, _INFLECTED, _PARTLY = 3, 2, 1, 0


def search_for(what: str) -> str:
    """Words that every todo that could be meant has in it."""
    words = [_stem(word) for word in _words(what) if word not in _SMALL_WORDS]
    return " ".join(words) or what


def wider_search_for(what: str) -> str:
    """One word, for when no todo has all of them."""
    return max(search_for(what).split(), key=len, default="")


def best(what: str, todos: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], bool]:
    """Those that fit best, and whether they fit well: "milk" may mean "buy milk", but hardly "milkshake"."""
    fits = [(_fit(what, str(todo.get("item") or "")), todo) for todo in todos]
    most = max((fit for fit, _ in fits), default=_PARTLY)
    return [todo for fit, todo in fits if fit == most], most > _PARTLY


def _fit(what: str, item: str) -> int:
    if item.lower() == what.lower():
        return _NAMED
    wanted = [word for word in _words(what) if word not in _SMALL_WORDS] or _words(what)
    if {*wanted} <= {*_words(item)}:
        return _WHOLE
    return _INFLECTED if {_stem(word) for word in wanted} <= {_stem(word) for word in _words(item)} else _PARTLY


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def _stem(word: str) -> str:
    """Without its ending, so that "buying" is found as "buy" and "exercises" as "exercise"."""
    for ending in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) >= len(ending) + _SHORTEST_STEM:
            return word.removesuffix(ending).removesuffix("e")
    return word
