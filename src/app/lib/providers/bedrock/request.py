"""From a call in Responses format to the body of a ConverseStream request."""

from typing import Any

import msgspec

from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.bedrock.conversation import Conversation
from app.lib.providers.bedrock.sealed import Origin
from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall, ToolSchema

_FREE = {None, "auto", "none"}
_CHOICES: dict[str, dict[str, Any]] = {"auto": {"auto": {}}, "required": {"any": {}}}


def body_of(call: ModelCall) -> tuple[bytes, Origin]:
    """The body, and what to keep with the reasoning of its answer.

    Bedrock has no word for "call none": where no tool may be called, none is told of, and past calls become text.
    """
    tools = call.tools if call.tool_choice != "none" else []
    told = [_tool(tool) for tool in tools]
    conversation = Conversation(call, as_text=not tools, told=told)
    thinking = _thinking(call)
    body: dict[str, Any] = {"messages": conversation.messages}
    if tools:
        body["toolConfig"] = {"tools": told} | _tool_choice(call.tool_choice)
    if conversation.system:
        body["system"] = [{"text": text} for text in conversation.system]
    if limits := _limits(call, thinks="thinking" in thinking):
        body["inferenceConfig"] = limits
    if "thinking" in thinking:
        body["additionalModelRequestFields"] = {"thinking": thinking["thinking"]}
    if output := thinking.get("output_config", {}) | _format(call.response_format):
        body["outputConfig"] = output
    return encoded(body), conversation.here


def _thinking(call: ModelCall) -> dict[str, Any]:
    """Claude's own fields; other models are told of the effort, where one was wished for."""
    kind = ModelKind(call.model)
    if kind.is_claude:
        fields = kind.thinking(call)
        # Who must call a tool has nothing to think about: Claude refuses both together.
        return fields if call.tool_choice in _FREE else {name: fields[name] for name in fields if name != "thinking"}
    effort = "low" if call.reasoning_effort == "minimal" else call.reasoning_effort
    return {"output_config": {"effort": effort}} if effort and effort != "none" else {}


def _limits(call: ModelCall, *, thinks: bool) -> dict[str, Any]:
    limits: dict[str, Any] = {"maxTokens": call.max_output_tokens}
    if thinks:
        # It thinks within the limit of the answer, and takes no temperature.
        limits["maxTokens"] = ModelKind(call.model).most_tokens(call)
    else:
        limits |= {"temperature": call.temperature, "topP": call.top_p}
    return {name: value for name, value in limits.items() if value is not None}


def _tool(tool: ToolSchema) -> dict[str, Any]:
    told: dict[str, Any] = {"name": tool.name, "inputSchema": {"json": tool.parameters}}
    # A description of no characters is refused.
    return {"toolSpec": told | ({"description": tool.description} if tool.description else {})}


def _tool_choice(choice: str | None) -> dict[str, Any]:
    return {"toolChoice": _CHOICES.get(choice, {"tool": {"name": choice}})} if choice else {}


def _format(wanted: dict[str, Any] | None) -> dict[str, Any]:
    schema, name = _schema(wanted)
    if schema is None:
        return {}
    structure = {"jsonSchema": {"schema": msgspec.json.encode(schema).decode(), "name": name}}
    return {"textFormat": {"type": "json_schema", "structure": structure}}


def _schema(wanted: dict[str, Any] | None) -> tuple[dict[str, Any] | None, str]:
    """The JSON schema itself, out of the wrapping of either OpenAI API. There is none for "any JSON"."""
    if wanted is None or wanted.get("type") in {"text", "json_object"}:
        return None, ""
    inner = wanted.get("json_schema") or wanted
    if "schema" in inner:
        return inner["schema"], inner.get("name", "answer")
    return wanted, "answer"
