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


@lru_cache(4096)
def names_a_secret(key: str) -> bool:
    """Whether a value under this name is a credential: `apiKey`, `x-api-key`, `ACCESS_TOKEN`; not `max_tokens`."""
    words = [word.lower() for word in _WORD.findall(key)]
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


def redact(value: Any, *, also: Sequence[str] = (), longest: int | None = None, names: bool = True) -> Any:
    """A copy without credentials at any depth.

    With `names`, what stands under a name that says so is one. `also` are values that must not appear anywhere, also
    inside a longer string; `longest` cuts strings. What is not JSON is left alone.
    """
    if isinstance(value, str):
        return _redact_text(value, also, longest)
    if isinstance(value, Mapping):
        return {
            _redact_text(key, also, longest) if isinstance(key, str) else key: REDACTED
            if names and isinstance(key, str) and names_a_secret(key)
            else redact(item, also=also, longest=longest, names=names)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact(item, also=also, longest=longest, names=names) for item in value]
    return value


def _redact_text(text: str, also: Sequence[str], longest: int | None) -> str:
    for secret in also:
        if secret and secret in text:
            text = text.replace(secret, REDACTED)
    return text if longest is None or len(text) <= longest else text[:longest] + TRUNCATED
