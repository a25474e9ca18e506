"""Agents on the wire, and as a run freezes them."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

MAX_LISTED_AGENTS = 20
EVERY_TOOL = "*"

# PostgreSQL stores neither NUL nor half of a surrogate pair. In Python `$` also stands before a last line feed.
Text = Annotated[str, Meta(pattern=r"^[^\x00\ud800-\udfff]*$")]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^(?=.*\S)[^\x00-\x1f\x7f\ud800-\udfff]+$(?!\n)")]
"""One line with something to read in it."""
Description = Annotated[Text, Meta(max_length=1000)]
Instructions = Annotated[Text, Meta(max_length=20_000)]
ModelName = Annotated[str, Meta(max_length=200, pattern=r"^[a-z][a-z0-9_]*/[^\s\x00-\x1f\x7f\ud800-\udfff]+$(?!\n)")]
"""`provider/model`."""
Fallbacks = Annotated[list[ModelName], Meta(max_length=5)]
Tools = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=100)]
AgentKeys = Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=MAX_LISTED_AGENTS)]
"""Ids of one's own agents, and names of built-in ones."""


class AgentSettings(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How the model is asked. What is absent is left to the provider."""

    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Annotated[float, Meta(ge=0, le=1)] | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    parallel_tool_calls: bool | None = None
    tool_choice: Literal["auto", "none", "required"] | None = None


class NewAgent(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    description: Description | None = None
    instructions: Instructions = ""
    model: ModelName | None = None
    fallback_models: Fallbacks = []
    """Whom to ask, in this order, where the model's provider fails before it has said anything."""
    tools: Tools = []
    handoffs: AgentKeys = []
    """Whom it may hand the conversation over to."""
    agent_tools: AgentKeys = []
    """Whom it may ask as it calls a tool: it gets the answer and goes on itself."""
    approve: Tools = []
    """Those of its tools whose calls wait for the user's approval; `*` are all of them."""
    settings: AgentSettings = AgentSettings()


class AgentChanges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is absent stays; lists and `settings` are replaced as a whole."""

    name: Name | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    instructions: Instructions | UnsetType = UNSET
    model: ModelName | UnsetType | None = UNSET
    fallback_models: Fallbacks | UnsetType = UNSET
    tools: Tools | UnsetType = UNSET
    """A tool that goes takes its place in `approve` with it."""
    handoffs: AgentKeys | UnsetType = UNSET
    agent_tools: AgentKeys | UnsetType = UNSET
    approve: Tools | UnsetType = UNSET
    settings: AgentSettings | UnsetType = UNSET


class AgentView(Struct, frozen=True, kw_only=True):
    id: str
    """Of a built-in agent its name."""
    name: str
    description: str | None
    instructions: str
    model: str | None
    """`null`: the server's default."""
    fallback_models: list[str]
    tools: list[str]
    handoffs: list[str]
    agent_tools: list[str]
    approve: list[str]
    settings: AgentSettings
    builtin: bool
    created_at: datetime | None
    updated_at: datetime | None


class AgentList(Struct, frozen=True, kw_only=True):
    items: list[AgentView]
    total: int
    limit: int
    offset: int


class ToolView(Struct, frozen=True, kw_only=True):
    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON schema."""


class ToolList(Struct, frozen=True, kw_only=True):
    items: list[ToolView]
    total: int
    limit: int
    offset: int


class AgentDefinition(Struct, frozen=True, kw_only=True):
    """An agent as a run works with it."""

    id: str | None = None
    """`None`: built in."""
    name: str
    description: str | None = None
    instructions: str
    model: str | None = None
    fallback_models: list[str] = []
    tools: list[str] = []
    handoffs: list[str] = []
    """Keys of `DefinitionSet.agents`; agents may hand off to each other in circles."""
    agent_tools: list[str] = []
    """Keys likewise; not in circles, and at most three deep."""
    approve: list[str] = []
    """Names among `tools`, or `*` for all of them."""
    settings: AgentSettings = AgentSettings()

    @property
    def key(self) -> str:
        return self.id or self.name

    @property
    def reaches(self) -> set[str]:
        """Whom it may hand over to or ask."""
        return {*self.handoffs, *self.agent_tools}


class DefinitionSet(Struct, frozen=True, kw_only=True):
    """An agent and everyone its run can be handed to, or can ask.

    A run keeps it, so that later changes do not reach it.
    """

    root: str
    agents: dict[str, AgentDefinition]
    """By id, or by name where built in."""

    @property
    def root_agent(self) -> AgentDefinition:
        return self.agents[self.root]


def settings_of(stored: dict[str, Any]) -> AgentSettings:
    return msgspec.convert(stored, AgentSettings)
