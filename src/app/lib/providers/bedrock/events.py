"""What ConverseStream sends: the fields we read. Those we do not know, such as the padding `p`, are passed over."""

import json
from typing import Any

import msgspec


class ToolStart(msgspec.Struct, rename="camel", gc=False):
    tool_use_id: str = ""
    name: str = ""
    type: str = ""


class Start(msgspec.Struct, rename="camel", gc=False):
    tool_use: ToolStart | None = None


class ReasoningPart(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    signature: str | None = None
    redacted_content: bytes | None = None


class ToolPart(msgspec.Struct, gc=False):
    input: str | None = None


class Part(msgspec.Struct, rename="camel", gc=False):
    text: str | None = None
    tool_use: ToolPart | None = None
    citation: Any = None
    reasoning_content: ReasoningPart | None = None


class Event(msgspec.Struct, rename="camel", gc=False):
    """All kinds in one: which one it is, a header says."""

    content_block_index: int = 0
    start: Start | None = None
    delta: Part | None = None
    stop_reason: str = ""
    usage: Any = None


class NotAnEvent(Exception):
    """The payload is not JSON, or JSON of another shape."""


_decoder = msgspec.json.Decoder(Event)


def decode(payload: bytes) -> Event:
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        try:
            # Half a surrogate pair, which only the standard library takes.
            return msgspec.convert(json.loads(payload), Event)
        except (ValueError, RecursionError):
            raise NotAnEvent from error
