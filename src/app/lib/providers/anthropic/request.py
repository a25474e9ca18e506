"""From a call in Responses format to the body of a messages request."""

from hashlib import blake2b
from typing import Any

import msgspec

from app.lib.providers.anthropic.conversation import Conversation, is_instruction, text_blocks
from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall
from app.lib.providers.unicode import repaired

VERSION = "2026-10-21"
_VERSION_WITH_SAMPLING = "2023-06-01"
"""The last one whose requests may have a temperature."""
_CHOICES = {"auto": "auto", "none": "none", "required": "any"}
_MOST_TEMPERATURE = 1.0
_NO_SAMPLING = {"temperature": None, "top_p": None}


class Body(msgspec.Struct, frozen=True):
    content: bytes
    version: str
    """For the header that says how to read it."""
    prefix: str
    """What the thoughts of the answer are to be kept with, beside the origin."""


def origin_of(url: str, key: str) -> str:
    """Changes with the address and with the key: a thought that was sealed for one account is none to another."""
    return blake2b(f"{url}\n{key}".encode(), digest_size=6).hexdigest()


def body_of(call: ModelCall, *, origin: str) -> Body:
    kind = ModelKind(call.model)
    system, choice = _system(call), _tool_choice(call)
    tools = [_tool(tool.name, tool.description, tool.parameters) for tool in call.tools]
    conversation = Conversation(call.items, kind, origin=origin, before=encoded([system, tools]))
    if not tools and conversation.called:
        # Calls in a history are refused where no tool is known.
        tools = [_tool(name, "", {"type": "object"}) for name in conversation.called]
        choice = {"type": "none"}
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": kind.most_tokens(call),
        "messages": conversation.messages,
        "stream": True,
    } | kind.thinking(call)
    schema = _schema(call.response_format)
    if schema is not None:
        body["output_config"] = body.get("output_config", {}) | {"format": {"type": "json_schema", "schema": schema}}
    sampling: dict[str, Any] = {
        "temperature": None if call.temperature is None else min(call.temperature, _MOST_TEMPERATURE),
        "top_p": call.top_p,
    }
    optional = sampling | {"system": system or None}
    if tools:
        optional |= {"tools": msgspec.Raw(encoded(tools)), "tool_choice": choice}
    body |= {name: value for name, value in optional.items() if value is not None}
    version = VERSION if sampling == _NO_SAMPLING else _VERSION_WITH_SAMPLING
    return Body(msgspec.json.encode(body), version, conversation.prefix)


def _system(call: ModelCall) -> str:
    """What instructs the model stands before all messages, wherever it was said."""
    said = [block["text"] for item in call.items if is_instruction(item) for block in text_blocks(item.get("content"))]
    return repaired("\n\n".join(filter(None, [call.instructions, *said])))


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": parameters}


def _tool_choice(call: ModelCall) -> dict[str, Any] | None:
    wanted = call.tool_choice
    choice: dict[str, Any] | None = None
    if wanted is not None:
        choice = {"type": _CHOICES[wanted]} if wanted in _CHOICES else {"type": "tool", "name": wanted}
    if call.parallel_tool_calls is False and wanted != "none":
        choice = (choice or {"type": "auto"}) | {"disable_parallel_tool_use": True}
    return choice


def _schema(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    """The bare JSON schema in either wrapping; any other format this wire cannot ask for."""
    if wanted is None or wanted.get("type") in {"text", "json_object"}:
        return None
    inner = wanted.get("json_schema", wanted)
    schema: dict[str, Any] = inner.get("schema", inner)
    return schema
