"""Token counts: those that came from a cache or went into one are told beside the others, and are input too."""

from typing import Any

from app.lib.providers.decoding import count_of
from app.lib.providers.model import TokenUsage


class Counts:
    def __init__(self) -> None:
        self._said: dict[str, Any] = {}
        self.is_final = False
        """The output is counted too; at the beginning only the input is."""

    def add(self, said: Any, *, final: bool) -> None:
        """Counts are totals so far: a later one replaces an earlier one, and one that is left out does not."""
        if not isinstance(said, dict):
            return
        self._said |= {name: value for name, value in said.items() if value is not None}
        self.is_final = self.is_final or (final and "output_tokens" in said and "input_tokens" in self._said)

    def usage(self) -> TokenUsage:
        cached = count_of(self._said, "cache_read_input_tokens") or 0
        fresh = count_of(self._said, "input_tokens") or 0
        fresh += count_of(self._said, "cache_creation_input_tokens") or 0
        return TokenUsage(
            input_tokens=fresh + cached,
            output_tokens=count_of(self._said, "output_tokens") or 0,
            reasoning_tokens=count_of(self._said.get("output_tokens_details"), "thinking_tokens") or 0,
            cached_tokens=cached,
        )
