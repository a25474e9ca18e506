"""A frozen agent definition as agents of the SDK."""

import re
from functools import lru_cache
from typing import Any

import msgspec
from agents import (
    Agent,
    FunctionTool,
    Model,
    ModelProvider,
    ModelSettings,
    RunConfig,
    handoff,
    set_tracing_disabled,
)
from agents.handoffs import Handoff
from agents.run_config import ToolExecutionConfig
from openai.types.shared import Reasoning

from app.domain.agents.schemas import EVERY_TOOL, AgentDefinition, AgentSettings, DefinitionSet
from app.domain.agents.tools.catalog import TOOLS
from app.domain.runs.attempt import Attempt
from app.domain.runs.durable import durable_tool
from app.domain.runs.inquiry import agent_tool
from app.domain.runs.translate import FALLBACKS

set_tracing_disabled(disabled=True)  # it sends prompts to OpenAI by default

_TOOLS = {name: durable_tool(tool) for name, tool in TOOLS.items()}
_APPROVED = {name: durable_tool(tool, needs_approval=True) for name, tool in TOOLS.items()}
_definitions = msgspec.json.Decoder(DefinitionSet)
MAX_PARALLEL_TOOLS = 8
MAX_TOOL_NAME = 50
"""Characters: providers take names of up to 64."""


class _NoModels(ModelProvider):
    def get_model(self, model_name: str | None) -> Model:
        raise LookupError(model_name)


# Copied and given the run's models for each run: validating a new one costs a quarter of a start.
RUN_CONFIG = RunConfig(
    model_provider=_NoModels(),
    tracing_disabled=True,
    trace_include_sensitive_data=False,
    tool_not_found_behavior="return_error_to_model",
    tool_execution=ToolExecutionConfig(max_function_tool_concurrency=MAX_PARALLEL_TOOLS),
)


class Team:
    """The agents that a definition names, how they hand over, and whom they ask."""

    def __init__(self, definitions: DefinitionSet) -> None:
        self._agents = {key: _agent(definition) for key, definition in definitions.agents.items()}
        self.root = self._agents[definitions.root]
        names: set[str] = set()
        for key, definition in definitions.agents.items():
            agent = self._agents[key]
            taken = {tool.name for tool in agent.tools}
            for target in definition.agent_tools:
                asked = definitions.agents[target]
                name = _free_name(_tool_name(f"ask_{asked.name}"), taken)
                agent.tools.append(agent_tool(self._agents[target], name, asked.description, RUN_CONFIG))
            handoffs: list[Handoff[Any, Any]] = []
            for target in definition.handoffs:
                made = handoff(self._agents[target])
                made.tool_name = _free_name(_tool_name(f"transfer_to_{definitions.agents[target].name}"), taken)
                handoffs.append(made)
                names.add(made.tool_name)
            agent.handoffs = list(handoffs)
        self.handoff_names = frozenset(names)


def _tool_name(wanted: str) -> str:
    """Letters of the alphabet, digits and underscores: what every provider takes."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", wanted).lower()[:MAX_TOOL_NAME]


def _free_name(wanted: str, taken: set[str]) -> str:
    """Agents may share a name, the tools that reach them may not."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


@lru_cache(maxsize=256)
def team(frozen: bytes) -> Team:
    """Agents hold no state of a run, so that runs of the same definition share them."""
    return Team(_definitions.decode(frozen))


def _agent(definition: AgentDefinition) -> Agent[Attempt]:
    return Agent(
        name=definition.name,
        instructions=definition.instructions,
        handoff_description=definition.description,
        model=definition.model,
        model_settings=_settings(definition.settings, definition.fallback_models),
        tools=[_tool(name, definition.approve) for name in definition.tools if name in _TOOLS],
    )


def _tool(name: str, approve: list[str]) -> FunctionTool:
    return (_APPROVED if name in approve or EVERY_TOOL in approve else _TOOLS)[name]


def _settings(settings: AgentSettings, fallbacks: list[str]) -> ModelSettings:
    return ModelSettings(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_output_tokens,
        reasoning=Reasoning(effort=settings.reasoning_effort) if settings.reasoning_effort else None,
        parallel_tool_calls=settings.parallel_tool_calls,
        tool_choice=settings.tool_choice,
        extra_args={FALLBACKS: fallbacks} if fallbacks else None,
    )
