"""Keeping credentials out of what is logged, stored as an event, or shown."""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

REDACTED = "[REDACTED]"
TRUNCATED = "... [truncated]"
_SECRET_WORDS = frozenset({"password", "passwords", "secret", "secrets", "authorization", "apikey", "apikeys", "token"})
_SECRET_PAIRS = frozenset({("api", "key"), ("api", "keys")})
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_KNOWN_LENGTH = 100
"""Names that are remembered. Models and strangers make up longer ones, and each once."""
RAW = "raw"
"""The name under which a text stands that was to be JSON and is not."""
_NAME = re.compile(r"""(?P<name>\b[A-Za-z][\w-]{0,99})\\*["']?\s*[:=]\s*""")
_VALUE = re.compile(
    r"""[\[{].*|\\*"(?:[^"\\]|\\.)*|\\*'(?:[^'\\]|\\.)*|[^,;&}\]"'\n]+""",
    re.DOTALL,
)
"""Quoted, or up to the next sign; of a list or an object all that follows. A last quote is left standing."""
_TOLD_VALUE = re.compile(r"\A(Invalid (?:enum )?value) .*?( - at `[^`]*`)?\Z", re.DOTALL)


def names_a_secret(key: str) -> bool:
    """Whether a value under this name is a credential: `apiKey`, `x-api-key`, `ACCESS_TOKEN`; not `max_tokens`."""
    return _names_a_secret(key) if len(key) <= _KNOWN_LENGTH else _names_a_secret.__wrapped__(key)


@lru_cache(4096)
def _names_a_secret(key: str) -> bool:
    words = [word.lower() for word in _WORD.findall(key)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


def without_value(message: str) -> str:
    """What msgspec says of a bad value, with where it stands and why it is bad, and without the value itself."""
    return _TOLD_VALUE.sub(lambda told: told[1] + (told[2] or ""), message)


def redact(value: Any, *, also: Sequence[str] = (), longest: int | None = None, names: bool = True) -> Any:
    """A copy without credentials at any depth.

    With `names`, what stands under a name that says so is one; in a text that was to be JSON, as far as can be told.
    `also` are values that must not appear anywhere, also inside a longer string; `longest` cuts strings. What is not
    JSON is left alone.
    """
    if isinstance(value, str):
        return _redact_text(value, also, longest)
    if isinstance(value, Mapping):
        if names and isinstance(text := value.get(RAW), str):
            value = {**value, RAW: _without_pairs(text)}
        return {
            _redact_text(key, also, longest) if isinstance(key, str) else key: REDACTED
            if names and isinstance(key, str) and names_a_secret(key)
            else redact(item, also=also, longest=longest, names=names)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, also=also, longest=longest, names=names) for item in value]
    return value


def _without_pairs(text: str) -> str:
    """What stands after a name that says so, in whatever a model or a stranger took for JSON."""
    parts, told = [], 0
    for name in _NAME.finditer(text):
        if name.start() >= told and names_a_secret(name["name"]) and (value := _VALUE.match(text, name.end())):
            parts += [text[told : name.end()], REDACTED]
            told = value.end()
    return "".join([*parts, text[told:]])


def _redact_text(text: str, also: Sequence[str], longest: int | None) -> str:
    for secret in also:
        if secret and secret in text:
            text = text.replace(secret, REDACTED)
    return text if longest is None or len(text) <= longest else text[:longest] + TRUNCATED
