"""What goes to a model and what comes back: the one shape that every wire is translated to.

A wire is one file beside this one with a class that has `stream`. Conversation items, in both directions, are plain
dictionaries in the format of the OpenAI Responses API (`message`, `reasoning`, `function_call`,
`function_call_output`), which is also what the Agents SDK passes around.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec


class ToolSchema(msgspec.Struct, frozen=True):
    name: str
    description: str
    parameters: dict[str, Any]


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a model."""

    model: str
    """The provider's own name of it, without our `provider/` prefix."""
    instructions: str | None
    items: list[dict[str, Any]]
    tools: list[ToolSchema] = []
    tool_choice: str | None = None
    parallel_tool_calls: bool | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    reasoning_effort: str | None = None
    response_format: dict[str, Any] | None = None
    """A JSON schema that the answer's text must fit, bare or in the wrapping of either OpenAI API."""


class Delta(msgspec.Struct, frozen=True, gc=False):
    """What one socket read brought of one kind. Whole Unicode characters, never empty."""

    text: str
    reasoning: bool = False


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True):
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    """Part of `output_tokens`."""
    cached_tokens: int = 0
    """Part of `input_tokens`."""
    source: str = "provider"
    """`provider`, or `estimated` where the provider said nothing or the stream was cut."""
    cost_usd: str | None = None
    """Decimal text; None where it is not known. Wires know no prices and leave it so."""


class ModelAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A finished response."""

    items: list[dict[str, Any]]
    """Output items: `reasoning`, `message`, `function_call`, in the order they began."""
    usage: TokenUsage
    finish_reason: str
    """`stop`, `tool_calls`, `length`, `content_filter` or `refusal`."""
    response_id: str | None = None


class AnswerStream(Protocol):
    """An answer as it comes. Iterate it to the end, then `answer` is there."""

    take: Callable[[Delta], bool] | None
    """May be given deltas while the iteration waits, without waking it. Those it refuses come by iteration."""

    @property
    def upstream_closed(self) -> bool:
        """Whether the connection to the provider was closed by us before the answer's end: only after the block."""
        ...

    def __aiter__(self) -> AsyncIterator[Delta]: ...

    @property
    def answer(self) -> ModelAnswer:
        """The finished response. Raises RuntimeError before the end."""
        ...

    def partial_usage(self) -> TokenUsage:
        """What a stream that was cut has used so far; estimated where the provider has not said."""
        ...


class Adapter(Protocol):
    """A wire with a base URL and a key: what a run calls."""

    def stream(self, call: ModelCall) -> AbstractAsyncContextManager[AnswerStream]:
        """Call the model. Leaving the block closes the provider's connection if the answer is not finished.

        Raises ProviderError on entering or while iterating.
        """
        ...
