"""What is in a message or an artifact, between A2A's parts and ours."""

import base64
import binascii
from typing import Any

import msgspec
from a2a.types.a2a_pb2 import Message, Part
from google.protobuf.json_format import MessageToDict, ParseDict

from app.domain.a2a.errors import BadParams, ContentNotSupported

TEXT, JSON = "text/plain", "application/json"
_READABLE = ("text/", JSON)
"""The files that are read as what is in them."""


def text_of(message: Message) -> str:
    """What an agent reads of it: texts, files of text, and data as JSON. Raises ContentNotSupported."""
    texts = [_text(part) for part in message.parts]
    if not any(text.strip() for text in texts):
        raise BadParams("a message needs a part with something in it")
    return "\n".join(texts)


def data_of(message: Message) -> dict[str, Any]:
    """The members of all its data parts."""
    found: dict[str, Any] = {}
    for part in message.parts:
        if part.WhichOneof("content") == "data":
            data = MessageToDict(part.data)
            found |= data if isinstance(data, dict) else {}
    return found


def artifact_part(part: dict[str, Any]) -> Part:
    """Of an event of a run. What it does not say rightly is left out."""
    made = Part(filename=part.get("filename", ""), media_type=part.get("media_type", ""))
    if "raw" in part:
        try:
            made.raw = base64.b64decode(part["raw"])
        except (binascii.Error, ValueError):
            made.text = part["raw"]
    elif "url" in part:
        made.url = part["url"]
    elif "data" in part:
        ParseDict(part["data"], made.data)
    else:
        made.text = part.get("text", "")
    return made


def _text(part: Part) -> str:
    match part.WhichOneof("content"):
        case "text":
            return str(part.text)
        case "data":
            return _plain(MessageToDict(part.data))
        case "raw" | "url" as kind:
            if not part.media_type.startswith(_READABLE):
                raise ContentNotSupported
            # Nobody fetches what is elsewhere; an agent can say of it what it is called.
            return str(part.url) if kind == "url" else _decoded(part.raw)
    raise BadParams("a part holds nothing")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ContentNotSupported from None


def _plain(value: Any) -> str:
    """Numbers of JSON come as fractions from protocol buffers."""
    return msgspec.json.encode(_whole(value)).decode()


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _whole(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_whole(member) for member in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
