"""What a run can tell the world: the only event vocabulary outside the Agents SDK.

The tags are a public contract: SSE, the stored log and every client carry them. Add an event or an optional field;
never rename or reuse one.
"""

from datetime import datetime
from typing import Any, Literal

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one model call, or of a whole run. `cost_usd` is decimal text, null where the price is not known."""

    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    cost_usd: str | None = None
    source: Literal["provider", "estimated"] = "provider"


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Common wire form. Every field is always present."""


class SessionInitialized(_Event, frozen=True, tag="session_initialized"):
    session_id: str
    run_id: str
    agent: str
    model: str
    attempt: int


class AgentUpdated(_Event, frozen=True, tag="agent_updated"):
    name: str


class MessageDelta(_Event, frozen=True, tag="message_delta"):
    content: str
    """Whole Unicode characters, visible text only."""


class ReasoningDelta(_Event, frozen=True, tag="reasoning_delta"):
    content: str


class Message(_Event, frozen=True, tag="message"):
    """One finished assistant message; its deltas add up to it exactly."""

    content: str
    partial: bool


class ToolCall(_Event, frozen=True, tag="tool_call"):
    tool_call_id: str
    tool_name: str
    arguments: dict[str, Any]


class ToolResult(_Event, frozen=True, tag="tool_result"):
    """Redacted and cut; the agent itself sees the whole."""

    tool_call_id: str
    tool_name: str
    output: Any
    is_error: bool


class Artifact(_Event, frozen=True, tag="artifact"):
    """Each part is one of `text`, `raw` (base64), `url` and `data`, with `filename` and `media_type` where known."""

    artifact_id: str
    name: str
    parts: list[dict[str, Any]]
    append: bool
    last: bool


class ApprovalRequested(_Event, frozen=True, tag="approval_requested"):
    approval_id: str
    tool_call_id: str
    tool_name: str
    arguments: dict[str, Any]


class InputRequested(_Event, frozen=True, tag="input_requested"):
    input_id: str
    prompt: str


class UsageReported(_Event, frozen=True, tag="usage"):
    """What one model call used."""

    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost_usd: str | None
    source: Literal["provider", "estimated"]


class Retrying(_Event, frozen=True, tag="retrying"):
    reason: str
    try_: int = msgspec.field(name="try")
    delay_ms: int
    model: str


class Superseded(_Event, frozen=True, tag="superseded"):
    """What was shown since `from_seq` is void: it is made again."""

    from_seq: int
    attempt: int
    reason: str


class Paused(_Event, frozen=True, tag="paused"):
    reason: str


class Resumed(_Event, frozen=True, tag="resumed"):
    reason: str


class Completed(_Event, frozen=True, tag="completed"):
    final_message: str
    usage: Usage
    finish_reason: str


class Cancelled(_Event, frozen=True, tag="cancelled"):
    partial_message: str
    usage: Usage
    upstream_closed: bool
    """Whether the connection to the provider was closed before the provider had finished."""


class Failed(_Event, frozen=True, tag="error"):
    """A problem object (RFC 9457) with what was answered until then."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str | None
    retryable: bool
    message: str
    partial_message: str


class RateLimitExceeded(_Event, frozen=True, tag="rate_limit_exceeded"):
    message: str
    kind: Literal["rate", "concurrency", "requests", "tokens", "cost"]
    current_usage: float | None
    monthly_limit: float | None
    remaining_quota: float | None
    reset_date: datetime | None
    retry_after: int | None


RunEnd = Completed | Cancelled | Failed | RateLimitExceeded
"""A log has exactly one of these, and it is the last."""

RunEvent = (
    SessionInitialized
    | AgentUpdated
    | MessageDelta
    | ReasoningDelta
    | Message
    | ToolCall
    | ToolResult
    | Artifact
    | ApprovalRequested
    | InputRequested
    | UsageReported
    | Retrying
    | Superseded
    | Paused
    | Resumed
    | RunEnd
)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[RunEvent] = msgspec.json.Decoder(RunEvent)
_names: dict[type, bytes] = {}


def encode(event: RunEvent) -> tuple[bytes, bytes]:
    """The event's name and its data.

    The tag is the first member of what msgspec writes and every event has others, so it is cut off, not written twice.
    """
    kind = type(event)
    name = _names.get(kind)
    if name is None:
        name = _names[kind] = str(kind.__struct_config__.tag).encode()
    return name, b"{" + _encoder.encode(event)[len(name) + 12 :]


def decode(name: bytes, data: bytes) -> RunEvent:
    return _decoder.decode(b'{"event":"%b",%b' % (name, data[1:]))
