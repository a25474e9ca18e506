"""Text that every encoder and database takes."""

from typing import Any

REPLACEMENT = "\ufffd"


def repaired(text: str) -> str:
    """The same text with pairs of surrogates joined, lone ones replaced, and without NUL (PostgreSQL refuses it)."""
    if "\x00" in text:
        text = text.replace("\x00", REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def deeply_repaired(value: Any) -> Any:
    """The same of all text in a JSON value."""
    if isinstance(value, str):
        return repaired(value)
    if isinstance(value, dict):
        return {repaired(name): deeply_repaired(member) for name, member in value.items()}
    return [deeply_repaired(member) for member in value] if isinstance(value, list) else value


class SurrogateJoiner:
    """Joins a pair of surrogates whose halves came in two pieces of a stream."""

    def __init__(self) -> None:
        self._held = ""

    def feed(self, text: str) -> str:
        text = self._held + text
        self._held = ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            self._held = text[-1]
            text = text[:-1]
        return repaired(text)

    def end(self) -> str:
        held, self._held = self._held, ""
        return REPLACEMENT if held else ""
