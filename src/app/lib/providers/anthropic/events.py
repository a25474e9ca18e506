"""What a messages server sends: the fields we read, typed where they are always of one type.

The structs hold no cycles, so the collector need not know of them.
"""

import json
from typing import Any

import msgspec


class BlockDelta(msgspec.Struct, gc=False):
    """Of a content block (`text` and so on, by its type), or of the whole message (`stop_reason`)."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    citation: Any = None
    stop_reason: str | None = None
    stop_details: Any = None


class Event(msgspec.Struct, gc=False):
    type: str | None = None
    index: int = 0
    delta: BlockDelta | None = None
    content_block: Any = None
    message: Any = None
    usage: Any = None
    error: Any = None


_KNOWN = {
    "message_start",
    "content_block_start",
    "content_block_delta",
    "content_block_stop",
    "message_delta",
    "message_stop",
    "error",
}
_DELTAS = {"text_delta", "thinking_delta", "signature_delta", "input_json_delta", "citations_delta"}


class NotAnEvent(Exception):
    """The bytes are not JSON, or JSON of another shape."""


_decoder = msgspec.json.Decoder(Event)


def decode(data: bytes) -> Event:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _decode_leniently(data, error)


def _decode_leniently(data: bytes, error: Exception) -> Event:
    """The rare ones: half a surrogate pair, which only the standard library takes, and events of unknown kinds."""
    try:
        value = json.loads(data) if b"\\u" in data else msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise NotAnEvent from error
    if not isinstance(value, dict):
        raise NotAnEvent from error
    if str(value.get("type")) not in _KNOWN:
        return Event(error=value.get("error"))
    try:
        return msgspec.convert(value, Event)
    except msgspec.ValidationError:
        delta = value.get("delta")
        is_new = isinstance(delta, dict) and str(delta.get("type")) not in _DELTAS
        if is_new and value["type"] == "content_block_delta":
            return Event()
        raise NotAnEvent from error
