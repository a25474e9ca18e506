"""Between the Agents SDK's shapes and ours. No token passes through here, only whole calls and answers."""

from typing import Any

from agents import Handoff, ModelSettings, Tool
from agents.agent_output import AgentOutputSchemaBase
from agents.items import TResponseInputItem
from openai.types.responses import (
    Response,
    ResponseCompletedEvent,
    ResponseFunctionToolCall,
    ResponseOutputMessage,
    ResponseReasoningItem,
    ResponseUsage,
)
from openai.types.responses.response_usage import InputTokensDetails, OutputTokensDetails

from app.lib.providers.model import ModelAnswer, ModelCall, TokenUsage, ToolSchema

_ITEM_TYPES: dict[str, Any] = {
    "message": ResponseOutputMessage,
    "function_call": ResponseFunctionToolCall,
    "reasoning": ResponseReasoningItem,
}


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


def _functions(tools: list[Tool]) -> list[Any]:
    return [tool for tool in tools if hasattr(tool, "params_json_schema")]


def _plain(items: list[TResponseInputItem]) -> list[dict[str, Any]]:
    return [dict(item) for item in items]


def completed(answer: ModelAnswer) -> ResponseCompletedEvent:
    """The one event that the SDK is given of a whole answer."""
    response = Response.model_construct(
        id=answer.response_id or "",
        created_at=0,
        model="",
        object="response",
        output=[_ITEM_TYPES[item["type"]].model_validate(item) for item in answer.items],
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        usage=_usage(answer.usage),
    )
    return ResponseCompletedEvent.model_construct(type="response.completed", response=response, sequence_number=0)


def _usage(usage: TokenUsage) -> ResponseUsage:
    return ResponseUsage.model_construct(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.input_tokens + usage.output_tokens,
        input_tokens_details=InputTokensDetails(cached_tokens=usage.cached_tokens, cache_write_tokens=0),
        output_tokens_details=OutputTokensDetails(reasoning_tokens=usage.reasoning_tokens),
    )
