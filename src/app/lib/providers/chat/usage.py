"""Token counts, under the names that servers give them."""

from typing import Any

from app.lib.providers.decoding import count_of
from app.lib.providers.model import TokenUsage


def usage_of(said: Any) -> TokenUsage | None:
    """None where the server said nothing usable."""
    input_tokens, output_tokens = count_of(said, "prompt_tokens"), count_of(said, "completion_tokens")
    if input_tokens is None or output_tokens is None or not (input_tokens or output_tokens):
        return None
    reasoning_tokens = count_of(said.get("completion_tokens_details"), "reasoning_tokens") or 0
    if count_of(said, "total_tokens") == input_tokens + output_tokens + reasoning_tokens:
        output_tokens += reasoning_tokens  # xAI counts them beside the output, everybody else in it
    return TokenUsage(
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        reasoning_tokens=reasoning_tokens,
        cached_tokens=count_of(said.get("prompt_tokens_details"), "cached_tokens")
        or count_of(said, "prompt_cache_hit_tokens")
        or 0,
    )
