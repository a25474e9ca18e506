"""An agent used as a tool: it works in a scope of its own, on the same log and with the same steps."""

import copy
from typing import Any

import structlog
from agents import Agent, FunctionTool, MaxTurnsExceeded, RunConfig, Runner
from agents.tool_context import ToolContext

from app.domain.agents.context import CallPosition
from app.domain.quotas.errors import LimitExceeded
from app.domain.runs.answers import parsed_arguments
from app.domain.runs.attempt import Attempt
from app.domain.runs.durable import DurableModels, failure
from app.domain.runs.runner import known_error, streamed
from app.domain.runs.translate import TIME_LINE, session_input

MAX_DEPTH = 3
MAX_TURNS = 10

logger = structlog.get_logger()

_PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {"input": {"type": "string", "description": "What the agent is to do, with all that it needs."}},
    "required": ["input"],
    "additionalProperties": False,
}


def agent_tool(agent: Agent[Attempt], name: str, description: str | None, config: RunConfig) -> FunctionTool:
    """What it calls and asks is stored under the place of the call, so that a later attempt finds it there."""

    async def invoke(call: ToolContext[Attempt], arguments: str) -> str:
        attempt: Attempt = call.context
        stored = await attempt.recall_output(name, call.tool_call_id)
        if stored is not None:
            return stored
        asked = str(parsed_arguments(arguments).get("input") or "")
        scope = _inside(attempt.place(call.tool_call_id))
        output, is_error = await _outcome(attempt, agent, asked, scope, _inner(config, call, scope))
        async with attempt.gate.work():
            return await attempt.finish_tool(name, call.tool_call_id, output, is_error=is_error)

    return FunctionTool(
        name=name,
        description=description or f"Ask the agent {agent.name}.",
        params_json_schema=_PARAMETERS,
        on_invoke_tool=invoke,
        strict_json_schema=False,
    )


async def _outcome(
    attempt: Attempt, agent: Agent[Attempt], asked: str, scope: str, config: RunConfig
) -> tuple[dict[str, Any], bool]:
    if scope.count("/") > MAX_DEPTH:
        return {"error": "too_deep", "detail": "Agents ask each other in a circle."}, True
    if not asked.strip():
        return {"error": "tool_input_invalid", "detail": "An input is needed."}, True
    try:
        told = session_input([{"type": "message", "role": "user", "content": asked, TIME_LINE: attempt.time_line}])
        result = Runner.run_streamed(agent, told, context=attempt, max_turns=MAX_TURNS, run_config=config)
        async for _ in streamed(result):
            pass
    except MaxTurnsExceeded:
        return {"error": "max_turns_reached", "detail": f"The agent did not finish within {MAX_TURNS} turns."}, True
    except Exception as error:
        known = known_error(error)
        if isinstance(known, LimitExceeded):  # of the user: it ends the run, whoever meets it
            raise
        if known is None:
            logger.exception("an agent used as a tool failed", run_id=str(attempt.run_id), exc_info=error)
            return {"error": "tool_failed", "detail": "The agent failed."}, True
        return failure(known), True
    return {"answer": str(result.final_output)}, False


def _inside(place: CallPosition) -> str:
    return f"{place.scope}/{place.turn}.{place.position}"


def _inner(config: RunConfig, call: ToolContext[Attempt], scope: str) -> RunConfig:
    inner = copy.copy(config)
    outer = call.run_config.model_provider if call.run_config is not None else None
    if not isinstance(outer, DurableModels):
        raise TypeError("An agent used as a tool works inside a run.")
    inner.model_provider = outer.inside(scope)
    return inner
