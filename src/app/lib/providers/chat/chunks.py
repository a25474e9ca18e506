"""What a chat-completions server sends: the fields we read, typed where every server agrees.

Servers that call themselves compatible differ in the rest; those fields are `Any` and looked at where they are used.
The structs hold no cycles, so the collector need not know of them.
"""

import json
from typing import Any

import msgspec


class FunctionPart(msgspec.Struct, gc=False):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class ToolPart(msgspec.Struct, gc=False):
    index: int | None = None
    id: Any = None
    function: FunctionPart | None = None


class Message(msgspec.Struct, gc=False):
    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_text: Any = None
    thinking: Any = None
    reasoning_details: Any = None
    refusal: Any = None
    tool_calls: list[ToolPart] | None = None
    function_call: FunctionPart | None = None


class Choice(msgspec.Struct, gc=False):
    index: int | None = None
    delta: Message | None = None
    message: Message | None = None
    finish_reason: str | None = None
    usage: Any = None
    error: Any = None


class Chunk(msgspec.Struct, gc=False):
    id: Any = None
    object: str | None = None
    choices: list[Choice] | None = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    code: Any = None


class NotAChunk(Exception):
    """The bytes are not JSON, or JSON of another shape."""


_decoder = msgspec.json.Decoder(Chunk)


def decode(data: bytes) -> Chunk:
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _decode_leniently(data, error)


def _decode_leniently(data: bytes, error: Exception) -> Chunk:
    """The rare ones: half a surrogate pair (only the standard library takes it), numbers as text, unknown events."""
    try:
        value = json.loads(data) if b"\\u" in data else msgspec.json.decode(data)
    except (ValueError, RecursionError):
        raise NotAChunk from error
    if not isinstance(value, dict):
        raise NotAChunk from error
    try:
        return msgspec.convert(value, Chunk, strict=False)
    except msgspec.ValidationError:
        if "choices" in value and "error" not in value:
            raise NotAChunk from error
        # An object without choices is an event we do not know, unless it is an error.
        said = value.get("error") or (value if value.get("object") == "error" else None)
        return Chunk(error=said)
