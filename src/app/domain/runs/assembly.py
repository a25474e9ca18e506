"""A frozen agent definition as agents of the SDK."""

from functools import lru_cache
from typing import Any

import msgspec
from agents import (
    Agent,
    Model,
    ModelProvider,
    ModelSettings,
    RunConfig,
    RunContextWrapper,
    handoff,
    set_tracing_disabled,
)
from agents.handoffs import Handoff
from agents.run_config import ToolExecutionConfig
from openai.types.shared import Reasoning

from app.domain.agents.schemas import AgentDefinition, AgentSettings, DefinitionSet
from app.domain.agents.tools.catalog import TOOLS
from app.domain.runs.attempt import Attempt
from app.domain.runs.durable import durable_tool

set_tracing_disabled(disabled=True)  # it sends prompts to OpenAI by default

_TOOLS = {name: durable_tool(tool) for name, tool in TOOLS.items()}
_definitions = msgspec.json.Decoder(DefinitionSet)
MAX_PARALLEL_TOOLS = 8
MAX_HANDOFF_NAME = 50
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
    """The agents that a definition names, and how they hand over."""

    def __init__(self, definitions: DefinitionSet) -> None:
        self._agents = {key: _agent(definition) for key, definition in definitions.agents.items()}
        self.root = self._agents[definitions.root]
        names: set[str] = set()
        for key, definition in definitions.agents.items():
            handoffs: list[Handoff[Any, Any]] = []
            for position, target in enumerate(definition.handoffs):
                made = handoff(self._agents[target])
                made.tool_name = _free_name(made.tool_name[:MAX_HANDOFF_NAME], position, handoffs)
                handoffs.append(made)
                names.add(made.tool_name)
            self._agents[key].handoffs = list(handoffs)
        self.handoff_names = frozenset(names)


def _free_name(wanted: str, position: int, taken: list[Handoff[Any, Any]]) -> str:
    """Agents may share a name, the tools that hand over to them may not."""
    names = {other.tool_name for other in taken}
    name = wanted
    while name in names:
        name = f"{name}_{position}"
    return name


@lru_cache(maxsize=256)
def team(frozen: bytes) -> Team:
    """Agents hold no state of a run, so that runs of the same definition share them."""
    return Team(_definitions.decode(frozen))


def _agent(definition: AgentDefinition) -> Agent[Attempt]:
    def instructions(run: RunContextWrapper[Attempt], _agent: Agent[Attempt]) -> str:
        return f"{definition.instructions}\n\n{run.context.time_line}"

    return Agent(
        name=definition.name,
        instructions=instructions,
        handoff_description=definition.description,
        model=definition.model,
        model_settings=_settings(definition.settings),
        tools=[_TOOLS[name] for name in definition.tools if name in _TOOLS],
    )


def _settings(settings: AgentSettings) -> ModelSettings:
    return ModelSettings(
        temperature=settings.temperature,
        top_p=settings.top_p,
        max_tokens=settings.max_output_tokens,
        reasoning=Reasoning(effort=settings.reasoning_effort) if settings.reasoning_effort else None,
        parallel_tool_calls=settings.parallel_tool_calls,
        tool_choice=settings.tool_choice,
    )
