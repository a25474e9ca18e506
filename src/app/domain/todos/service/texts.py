"""What people may write, and how it is compared."""

import re
import unicodedata

from app.lib.errors import InvalidField

# PostgreSQL stores neither NUL nor half of a surrogate pair.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def storable(text: str, pointer: str) -> str:
    if _UNSTORABLE.search(text):
        raise InvalidField(pointer, "The text holds a character that cannot be stored.")
    return text


def title(text: str, pointer: str) -> str:
    """A name: one line with something to read in it."""
    cleaned = " ".join(storable(text, pointer).split())
    if not cleaned:
        raise InvalidField(pointer, "This must not be blank.")
    return cleaned


def key(text: str) -> str:
    """Equal for texts that differ only in case or in how their accents are encoded."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
