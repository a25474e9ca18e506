"""The model and the tools as the Agents SDK sees them: what is finished is stored before the SDK hears of it.

No delta passes through the SDK, so its unbounded event queue stays empty.
"""

from collections.abc import AsyncIterator
from typing import Any

import structlog
from agents import FunctionTool, Handoff, Model, ModelProvider, ModelResponse, ModelSettings, ModelTracing
from agents import Tool as SdkTool
from agents.agent_output import AgentOutputSchemaBase
from agents.items import TResponseInputItem, TResponseStreamEvent
from agents.tool_context import ToolContext

from app.domain.agents.tools.catalog import Tool
from app.domain.runs.attempt import Attempt, parsed_arguments
from app.domain.runs.translate import completed, model_call
from app.lib.errors import AppError
from app.lib.providers.model import Adapter, ModelAnswer, ModelCall
from app.lib.providers.registry import Registry

logger = structlog.get_logger()


class DurableModel(Model):
    """A model whose deltas go to the run's log at once and whose finished answers are stored as steps."""

    def __init__(self, attempt: Attempt, adapter: Adapter, model: str) -> None:
        self._attempt = attempt
        self._adapter = adapter
        self._model = model

    async def stream_response(  # noqa: PLR0917 - the SDK's signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        tools: list[SdkTool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff[Any, Any]],
        tracing: ModelTracing,
        **_options: Any,
    ) -> AsyncIterator[TResponseStreamEvent]:
        call = model_call(
            model=self._model,
            instructions=system_instructions,
            items=input,
            settings=model_settings,
            tools=tools,
            output_schema=output_schema,
            handoffs=handoffs,
        )
        yield completed(await self._answer(call))

    async def _answer(self, call: ModelCall) -> ModelAnswer:
        attempt = self._attempt
        turn = attempt.next_turn()
        async with self._adapter.stream(call) as stream:
            attempt.stream = stream
            async for delta in stream:
                await attempt.tell_delta(delta)
        return await attempt.finish_answer(turn, stream.answer)

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        raise NotImplementedError("A run always streams.")


class DurableModels(ModelProvider):
    """The models of one attempt, by their full names."""

    def __init__(self, attempt: Attempt, registry: Registry, default: str) -> None:
        self._attempt = attempt
        self._registry = registry
        self._default = default

    def get_model(self, model_name: str | None) -> Model:
        adapter, model = self._registry.adapter(model_name or self._default)
        return DurableModel(self._attempt, adapter, model)


def durable_tool(tool: Tool) -> FunctionTool:
    """A tool of the catalogue for the SDK. Its result is stored before the model sees it."""

    async def invoke(call: ToolContext[Attempt], arguments: str) -> str:
        attempt: Attempt = call.context
        output, is_error = await _outcome(tool, attempt, call.tool_call_id, arguments)
        return await attempt.finish_tool(tool.name, call.tool_call_id, output, is_error=is_error)

    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=tool.parameters,
        on_invoke_tool=invoke,
        strict_json_schema=False,
    )


async def _outcome(tool: Tool, attempt: Attempt, call_id: str, arguments: str) -> tuple[dict[str, Any], bool]:
    """What the tool answers; its failure is an answer too, since the model can do something about it."""
    try:
        return await tool.invoke(attempt.context, attempt.place(call_id), parsed_arguments(arguments)), False
    except AppError as error:
        return {"error": error.code, "detail": error.detail, **error.context}, True
    except Exception as error:
        logger.exception("a tool failed", tool=tool.name, run_id=str(attempt.run_id), exc_info=error)
        return {"error": "tool_failed", "detail": "The tool failed."}, True
