"""Taking values that nobody may be shown out of what is told, in every spelling that is likely to come along."""

from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from app.lib.observability.redaction import REDACTED, redact

LEAST = 8
"""Characters of a value that is hidden. Shorter ones (`ollama`, `EMPTY`) are no secrets, and words like others."""
HEAD = 4
"""So much of a spelling is let through before what follows is held back."""
_BITS_OF_BASE64 = 6


def spellings(secret: str) -> Iterator[str]:
    """A value as it is, in a URL, in JSON, in hexadecimal, and within anything that is written in base64."""
    raw = secret.encode()
    quoted = quote(secret, safe="")
    in_json = secret.replace("\\", "\\\\").replace('"', '\\"')
    yield from (secret, quoted, quoted.lower(), in_json, in_json.replace("/", "\\/"), raw.hex(), raw.hex().upper())
    for before in range(3):
        bits = 8 * before, 8 * (before + len(raw))
        # What comes before and after the value shares a character with its first and its last bits.
        first, last = -(-bits[0] // _BITS_OF_BASE64), bits[1] // _BITS_OF_BASE64
        text = b64encode(b"\0" * before + raw).decode()[first:last]
        yield from (text, text.replace("+", "-").replace("/", "_"))


class Hidden:
    """What is to be hidden. It may grow."""

    def __init__(self) -> None:
        self.spellings: Sequence[str] = ()
        """The longest first: one may be the beginning of another."""
        self.heads: frozenset[str] = frozenset()
        self._secrets: set[str] = set()

    def __repr__(self) -> str:
        return "<hidden values>"

    def add(self, *secrets: str) -> None:
        new = {secret for secret in secrets if len(secret) >= LEAST} - self._secrets
        if new:
            self._secrets |= new
            found = {*self.spellings, *(spelling for secret in new for spelling in spellings(secret))}
            self.spellings = sorted(found, key=len, reverse=True)
            self.heads = frozenset(spelling[:HEAD] for spelling in found)

    def is_in(self, text: str) -> bool:
        return any(spelling in text for spelling in self.spellings)

    def without(self, value: Any) -> Any:
        """A copy without any of them, at any depth."""
        return redact(value, also=self.spellings, names=False)


class Passage:
    """A text that comes in pieces, of which each may end in the middle of a hidden value.

    What may be the beginning of one is held back until it is known to be something else.
    """

    def __init__(self, hidden: Hidden) -> None:
        self._hidden = hidden
        self._before = ""
        """The last that was let through."""
        self._held = ""

    def passed(self, piece: str) -> str:
        """What may be told now."""
        heads = self._hidden.heads
        if not heads:
            return piece
        text, at = self._before + self._held + piece, len(self._before)
        for head in heads:
            if head in text:
                return self._checked(text, at)
        self._before, self._held = text[1 - HEAD :], ""
        return text[at:]

    def rest(self) -> str:
        """What was held back, when nothing more comes. Most of a value is told no more than the whole."""
        held = self._held
        self.forget()
        return REDACTED if len(held) >= LEAST else held

    def forget(self) -> None:
        """What was held back is void."""
        self._held = self._before = ""

    def _checked(self, text: str, at: int) -> str:
        told: list[str] = []
        while (found := self._first(text, at)) is not None:
            start, end = found
            told += (text[at:start], REDACTED)
            self._before, text, at = "", text[end:], 0
        held_from = self._begun(text)
        told.append(text[at:held_from])
        self._held = text[max(at, held_from) :]
        self._before = text[: max(at, held_from)][1 - HEAD :]
        return "".join(told)

    def _first(self, text: str, at: int) -> tuple[int, int] | None:
        """Where the first hidden value begins and ends. What was let through of it cannot be taken back."""
        places = [(text.find(spelling), -len(spelling)) for spelling in self._hidden.spellings]
        start, length = min((place for place in places if place[0] >= 0), default=(-1, 0))
        return None if start < 0 else (max(start, at), start - length)

    def _begun(self, text: str) -> int:
        """Where something begins with which the text ends, and that may become a hidden value."""
        first = len(text)
        for spelling in self._hidden.spellings:
            at = text.find(spelling[:HEAD])
            while 0 <= at < first:
                if spelling.startswith(text[at:]):
                    first = at
                at = text.find(spelling[:HEAD], at + 1)
        return first
