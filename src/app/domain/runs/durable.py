"""The model and the tools as the Agents SDK sees them: what is finished is stored before the SDK hears of it.

No delta passes through the SDK, so its unbounded event queue stays empty. What an earlier attempt finished is
answered from what it stored, without asking or doing it again.
"""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import anyio
import structlog
from agents import FunctionTool, Handoff, Model, ModelProvider, ModelResponse, ModelSettings, ModelTracing
from agents import Tool as SdkTool
from agents.agent_output import AgentOutputSchemaBase
from agents.items import TResponseInputItem, TResponseStreamEvent
from agents.tool_context import ToolContext

from app.domain.agents.tools.catalog import Tool
from app.domain.runs.answers import parsed_arguments
from app.domain.runs.asking import answered, approved, outcome_unknown
from app.domain.runs.attempt import Attempt
from app.domain.runs.callers import Callers
from app.domain.runs.events import Retrying
from app.domain.runs.handing import hand_out
from app.domain.runs.memory import BEGUN, ROOT
from app.domain.runs.metering import Meter
from app.domain.runs.models import Run
from app.domain.runs.recovery import Recovery
from app.domain.runs.runner import to_its_end
from app.domain.runs.translate import completed, fallbacks_of, model_call
from app.lib.errors import AppError
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import ModelAnswer, ModelCall

logger = structlog.get_logger()


class DurableModel(Model):
    """A model whose deltas go to the run's log at once and whose finished answers are stored as steps."""

    def __init__(self, attempt: Attempt, callers: Callers, run: Run, meter: Meter, model: str, *, scope: str) -> None:
        self._attempt = attempt
        self._callers = callers
        self._meter = meter
        self._run = run
        self._model = model
        self._scope = scope

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
        turn = self._attempt.next_turn(self._scope)
        answer = await self._attempt.recall_answer(self._scope, turn)
        if answer is None:
            call = model_call(
                model=self._model,
                instructions=system_instructions,
                items=input,
                settings=model_settings,
                tools=tools,
                output_schema=output_schema,
                handoffs=handoffs,
            )
            answer = await self._answer(call, turn, fallbacks_of(model_settings))
        yield completed(answer)

    async def _answer(self, call: ModelCall, turn: int, fallbacks: list[str]) -> ModelAnswer:
        """Asks again where the provider fails before anything visible was said."""
        attempt, scope = self._attempt, self._scope
        if scope == ROOT:
            await attempt.gate.turn()
        recovery = Recovery(self._model, fallbacks, usable=partial(self._callers.may_call, self._run))
        while True:
            async with attempt.gate.work():
                if recovery.number == 1:
                    attempt.begin_answer(scope, turn)
                try:
                    answer = await self._ask(call, turn, recovery.number, recovery.model)
                except ProviderError as error:
                    wait = None if attempt.has_spoken(scope) else await recovery.after(error)
                    if wait is None:
                        attempt.fail_answer(scope, turn)
                        raise
                    reason = error.reason
                except AppError:
                    attempt.fail_answer(scope, turn)
                    raise
                else:
                    return await attempt.finish_answer(scope, turn, answer)
            # Between the two a paused run is put aside: when it goes on, it asks anew.
            async with attempt.gate.work():
                delay = round(wait * 1000)
                event = Retrying(reason=reason, try_=recovery.number, delay_ms=delay, model=recovery.model)
                await attempt.retry_answer(scope, turn, event)
                await anyio.sleep(wait)

    async def _ask(self, call: ModelCall, turn: int, number: int, model: str) -> ModelAnswer:
        attempt, scope = self._attempt, self._scope
        async with self._callers.calling(self._run, model, attempt.hidden) as called:
            async with self._meter.call(scope, turn, number, model, call, secret_id=called.secret_id) as metered:
                async with called.adapter.stream(metered.bounded(call, model=called.name)) as stream:
                    attempt.streams[scope, turn] = stream
                    metered.watch(stream, partial(attempt.take_delta, scope))
                    async for delta in stream:
                        metered.speaks()
                        await attempt.tell_delta(scope, delta)
                answer = stream.answer
                metered.usage = answer.usage
            return answer

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        raise NotImplementedError("A run always streams.")


class DurableModels(ModelProvider):
    """The models of one attempt, by their full names."""

    def __init__(self, attempt: Attempt, callers: Callers, run: Run, meter: Meter, scope: str = ROOT) -> None:
        self._attempt = attempt
        self._callers = callers
        self._run = run
        self._meter = meter
        self._scope = scope

    def get_model(self, model_name: str | None) -> Model:
        model = model_name or self._run.model
        return DurableModel(self._attempt, self._callers, self._run, self._meter, model, scope=self._scope)

    def inside(self, scope: str) -> "DurableModels":
        """For an agent that is used as a tool."""
        return DurableModels(self._attempt, self._callers, self._run, self._meter, scope)


def durable_tool(tool: Tool, *, needs_approval: bool = False) -> FunctionTool:
    """A tool of the catalogue for the SDK. Its result is stored before the model sees it."""

    async def invoke(call: ToolContext[Attempt], arguments: str) -> str:
        attempt: Attempt = call.context
        call_id = call.tool_call_id
        stored = await attempt.recall_output(tool.name, call_id)
        if stored is not None:
            return stored
        refusal = await approved(attempt, tool.name, call_id, arguments) if needs_approval else None
        if refusal is None and not tool.repeatable:
            refusal = await outcome_unknown(attempt, tool.name, call_id)
        async with attempt.gate.work():
            if refusal is not None:
                return await attempt.finish_tool(tool.name, call_id, refusal, is_error=True)
            if not tool.repeatable:
                await attempt.mark(attempt.place(call_id), BEGUN)
            output, is_error = await _outcome(tool, attempt, call_id, arguments)
            return await attempt.finish_tool(tool.name, call_id, output, is_error=is_error)

    async def ask(call: ToolContext[Attempt], arguments: str) -> str:
        attempt: Attempt = call.context
        stored = await attempt.recall_output(tool.name, call.tool_call_id)
        if stored is not None:
            return stored
        output, is_error = await answered(tool, attempt, call.tool_call_id, arguments)
        async with attempt.gate.work():
            return await attempt.finish_tool(tool.name, call.tool_call_id, output, is_error=is_error)

    return FunctionTool(
        name=tool.name,
        description=tool.description,
        params_json_schema=tool.parameters,
        on_invoke_tool=ask if tool.asks else invoke,
        strict_json_schema=False,
    )


async def _outcome(tool: Tool, attempt: Attempt, call_id: str, arguments: str) -> tuple[dict[str, Any], bool]:
    """What the tool answers; its failure is an answer too, since the model can do something about it."""
    try:
        if tool.hands_out:
            return hand_out(tool, attempt, call_id, _given(arguments)), False
        work = tool.invoke(attempt.context, attempt.place(call_id), _given(arguments))
        return await (to_its_end(work) if tool.effect else work), False
    except AppError as error:
        return failure(error), True
    except Exception as error:
        logger.exception("a tool failed", tool=tool.name, run_id=str(attempt.run_id), exc_info=error)
        return {"error": "tool_failed", "detail": "The tool failed."}, True


def _given(arguments: str) -> dict[str, Any] | bytes:
    """As the model wrote them: what was not readable was wrapped, so that the conversation can hold it."""
    parsed = parsed_arguments(arguments)
    raw = parsed.get("raw")
    return raw.encode() if parsed.keys() == {"raw"} and isinstance(raw, str) else parsed


def failure(error: AppError) -> dict[str, Any]:
    return {"error": error.code, "detail": error.detail, **error.context}
