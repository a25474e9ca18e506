"""What every wire's decoder does: bytes in, deltas out, no input or output of its own."""

from typing import Any, Protocol

from app.lib.providers.errors import ProviderError, ProviderErrorKind
from app.lib.providers.joining import AnswerText
from app.lib.providers.model import Delta, ModelAnswer, TokenUsage

MAX_KEPT = 32 * 1024 * 1024
"""Characters of one answer. A provider that sends more than this is not answering."""
_MOST_TOKENS = 1_000_000_000
"""What no request can use; a larger count is nonsense that a database may not even take."""


class Decoder(Protocol):
    failure: ProviderError | None
    """Why there will be no answer. What was decoded before it is good."""
    settled: bool
    """The answer is whole; only its usage or the end marker may still come."""
    done: bool
    """The wire's end marker was read."""

    def feed(self, data: bytes) -> list[Delta]:
        """What a read brought, joined by kind."""
        ...

    def feed_whole(self, body: bytes) -> list[Delta]:
        """A body that is not a stream."""
        ...

    def end(self, why: ProviderErrorKind = ProviderErrorKind.CUT) -> list[Delta]:
        """The response ended. Unless the answer is settled, `failure` will say `why`."""
        ...

    def answer(self) -> ModelAnswer: ...

    def usage(self) -> TokenUsage:
        """So far."""
        ...


def count_of(said: Any, name: str) -> int | None:
    """A count of tokens in what a server said of its usage; None where there is none."""
    value = said.get(name) if isinstance(said, dict) else None
    return min(max(value, 0), _MOST_TOKENS) if isinstance(value, int) and not isinstance(value, bool) else None


def estimated_tokens(size: int) -> int:
    """About four bytes of UTF-8 are a token."""
    return (size + 3) // 4


def estimated_usage(
    request_size: int, text: AnswerText, arguments_size: int, said: TokenUsage | None = None
) -> TokenUsage:
    """Of an answer whose usage nobody told, or only in its middle (`said`): what was told then is the least."""
    said = said or TokenUsage()
    reasoning = estimated_tokens(len(text.whole(reasoning=True).encode()))
    visible = estimated_tokens(len(text.whole(reasoning=False).encode()) + arguments_size)
    return TokenUsage(
        input_tokens=said.input_tokens or estimated_tokens(request_size),
        output_tokens=max(said.output_tokens, visible + reasoning),
        reasoning_tokens=max(said.reasoning_tokens, reasoning),
        cached_tokens=said.cached_tokens,
        source="estimated",
    )
