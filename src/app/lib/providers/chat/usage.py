"""Token counts, under the names that servers give them."""

from typing import Any

from app.lib.providers.model import TokenUsage

_MOST = 1_000_000_000
"""What no request can use; a larger count is nonsense that a database may not even take."""


def usage_of(said: Any) -> TokenUsage | None:
    """None where the server said nothing usable."""
    if not isinstance(said, dict):
        return None
    input_tokens, output_tokens = _count(said, "prompt_tokens"), _count(said, "completion_tokens")
    if input_tokens is None or output_tokens is None:
        return None
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=_count(said.get("completion_tokens_details"), "reasoning_tokens") or 0,
        cached_tokens=_count(said.get("prompt_tokens_details"), "cached_tokens")
        or _count(said, "prompt_cache_hit_tokens")
        or 0,
    )


def _count(said: Any, name: str) -> int | None:
    value = said.get(name) if isinstance(said, dict) else None
    return min(max(value, 0), _MOST) if isinstance(value, int) else None
