"""Between the Agents SDK's shapes and ours. No token passes through here, only whole calls and answers."""

from typing import Any, cast

from agents import Handoff, ModelSettings, Tool
from agents.agent_output import AgentOutputSchemaBase
from agents.items import TResponseInputItem
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from app.lib.providers.model import ModelAnswer, ModelCall, TokenUsage, ToolSchema

_WHOLE = "whole"
"""Where an item of ours rides through the SDK, which drops items and changes fields that it does not know."""
FALLBACKS = "fallback_models"
"""What an agent's other models ride under, among its settings."""
TIME_LINE = "time_line"
"""Where a user's item keeps what their time was, apart from their words. A model is told of it where they said them: in
its instructions it would change all that was said before with every run, and with that what a provider has cached or
its model has thought.
"""
_UNDERSTOOD = {"message", "function_call", "function_call_output"}
_PARTS = {"output_text": "text", "refusal": "refusal"}


def model_call(
    *,
    model: str,
    instructions: str | None,
    items: str | list[TResponseInputItem],
    settings: ModelSettings,
    tools: list[Tool],
    output_schema: AgentOutputSchemaBase | None,
    handoffs: list[Handoff[Any, Any]],
) -> ModelCall:
    as_tools = [ToolSchema(h.tool_name, h.tool_description, h.input_json_schema) for h in handoffs]
    return ModelCall(
        model=model,
        instructions=instructions,
        items=[{"type": "message", "role": "user", "content": items}] if isinstance(items, str) else _plain(items),
        tools=[ToolSchema(t.name, t.description, t.params_json_schema) for t in _functions(tools)] + as_tools,
        tool_choice=settings.tool_choice if isinstance(settings.tool_choice, str) else None,
        parallel_tool_calls=settings.parallel_tool_calls,
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_output_tokens=settings.max_tokens,
        reasoning_effort=settings.reasoning.effort if settings.reasoning else None,
        response_format=None if output_schema is None or output_schema.is_plain_text() else output_schema.json_schema(),
    )


def fallbacks_of(settings: ModelSettings) -> list[str]:
    """The models to ask where the agent's own fails."""
    return list((settings.extra_args or {}).get(FALLBACKS, ()))


def _functions(tools: list[Tool]) -> list[Any]:
    return [tool for tool in tools if hasattr(tool, "params_json_schema")]


def session_input(items: list[dict[str, Any]]) -> list[TResponseInputItem]:
    """A session's items for the SDK, which takes two that share an id for the same."""
    known = [_timed(item) if item.get("type", "message") in _UNDERSTOOD else _unread(item) for item in items]
    return cast("list[TResponseInputItem]", known)


def _timed(item: dict[str, Any]) -> dict[str, Any]:
    if not item.get(TIME_LINE):
        return item
    parts = [{"type": "input_text", "text": text} for text in (item[TIME_LINE], item["content"])]
    return {"type": "message", "role": item["role"], "content": parts}


def _plain(items: list[TResponseInputItem]) -> list[dict[str, Any]]:
    """The items that answers have brought as they were, and all others."""
    plain: list[dict[str, Any]] = [dict(item) for item in items]
    return [item.get(_WHOLE) or item for item in plain]


def completed(answer: ModelAnswer) -> ResponseCompletedEvent:
    """The one event that the SDK is given of a whole answer."""
    response = Response.model_construct(
        id=answer.response_id or "",
        created_at=0,
        model="",
        object="response",
        output=[_for_the_sdk(item) for item in answer.items],
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        usage=_usage(answer.usage),
    )
    return ResponseCompletedEvent.model_construct(type="response.completed", response=response, sequence_number=0)


def _for_the_sdk(item: dict[str, Any]) -> Any:
    """What the SDK acts on: what is said and what is called. All else goes as a kind that it passes on unread."""
    match item["type"]:
        case "message":
            said = {"type": "message", "id": item.get("id", ""), "role": "assistant", "status": "completed"}
            return ResponseOutputMessage.model_validate({**said, "content": _said(item["content"]), _WHOLE: item})
        case "function_call":
            call = {name: item[name] for name in ("type", "call_id", "name", "arguments")}
            return ResponseFunctionToolCall.model_validate({**call, _WHOLE: item})
    return _unread(item)


def _unread(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "compaction", _WHOLE: item}


def _said(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = [(part["type"], part) for part in parts if part.get("type") in _PARTS]
    return [{"type": kind, _PARTS[kind]: part.get(_PARTS[kind]) or "", "annotations": []} for kind, part in known]


def _usage(usage: TokenUsage) -> ResponseUsage:
    return ResponseUsage.model_construct(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=usage.cached_tokens, cache_write_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )
