"""What a Responses stream sends: the fields we read, of events of whatever kind."""

import json
from typing import Any

import msgspec


class Event(msgspec.Struct, gc=False):
    type: Any = None
    delta: Any = None
    output_index: Any = None
    summary_index: Any = None
    content_index: Any = None
    item: Any = None
    response: Any = None
    error: Any = None
    code: Any = None


class NotAnEvent(Exception):
    """The bytes are not JSON, or not an object."""


_decoder = msgspec.json.Decoder(Event)


def decode(data: bytes) -> Event:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # Half a surrogate pair, which only the standard library takes.
        if b"\\u" not in data:
            raise NotAnEvent from error
        return _decode_leniently(data)


def decode_body(body: bytes) -> dict[str, Any]:
    """A whole response, or an error."""
    try:
        value = json.loads(body) if b"\\ud" in body.lower() else msgspec.json.decode(body)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent from error
    if not isinstance(value, dict):
        raise NotAnEvent
    return value


def _decode_leniently(data: bytes) -> Event:
    try:
        return msgspec.convert(json.loads(data), Event)
    except (ValueError, RecursionError) as error:
        raise NotAnEvent from error
