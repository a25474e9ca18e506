"""Token counts of the Responses API."""

from typing import Any

from app.lib.providers.decoding import count_of
from app.lib.providers.model import TokenUsage


def usage_of(said: Any) -> TokenUsage | None:
    """None where the server said nothing usable."""
    input_tokens, output_tokens = count_of(said, "input_tokens"), count_of(said, "output_tokens")
    if input_tokens is None or output_tokens is None:
        return None
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=count_of(said.get("output_tokens_details"), "reasoning_tokens") or 0,
        cached_tokens=count_of(said.get("input_tokens_details"), "cached_tokens") or 0,
    )
