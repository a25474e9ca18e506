"""Agents: the built-in ones, a user's own, and what a run takes of them."""

from collections.abc import Sequence
from typing import Self
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.agents.builtin import BUILTINS
from app.domain.agents.errors import AgentBuiltin, AgentNotFound, TooManyAgents
from app.domain.agents.models import Agent
from app.domain.agents.nesting import refusal
from app.domain.agents.repository import AgentRepository
from app.domain.agents.schemas import (
    EVERY_TOOL,
    AgentChanges,
    AgentDefinition,
    AgentView,
    DefinitionSet,
    NewAgent,
    ToolView,
    settings_of,
)
from app.domain.agents.tools.catalog import TOOLS
from app.lib.errors import InvalidField

MAX_AGENTS = 50


class AgentService:
    def __init__(self, repository: AgentRepository) -> None:
        self._repository = repository

    @classmethod
    def open(cls, db_session: AsyncSession, owner_id: UUID) -> Self:
        return cls(AgentRepository(db_session, owner_id))

    async def all(self) -> list[AgentView]:
        """The built-in ones first, then the user's own, oldest first."""
        own = await self._repository.all()
        return [*(_builtin_view(agent) for agent in BUILTINS.values()), *(_view(agent) for agent in own)]

    async def get(self, key: str) -> AgentView:
        if key in BUILTINS:
            return _builtin_view(BUILTINS[key])
        return _view(await self._own(key))

    async def create(self, new: NewAgent) -> AgentView:
        await self._repository.lock()
        if await self._repository.count() >= MAX_AGENTS:
            raise TooManyAgents(MAX_AGENTS)
        agent = Agent(
            owner_id=self._repository.owner_id,
            name=new.name,
            description=new.description,
            instructions=new.instructions,
            model=new.model,
            fallback_models=new.fallback_models,
            tools=_known_tools(new.tools),
            handoffs=await self._known_agents("handoffs", new.handoffs),
            agent_tools=await self._askable(new.agent_tools),
            approve=_approvable(new.approve, new.tools),
            settings=msgspec.to_builtins(new.settings),
        )
        return _view(await self._repository.add(agent))

    async def change(self, key: str, changes: AgentChanges) -> AgentView:
        await self._repository.lock()
        agent = await self._own(key)
        for field in ("name", "description", "instructions", "model", "fallback_models"):
            value = getattr(changes, field)
            if value is not UNSET:
                setattr(agent, field, value)
        if changes.tools is not UNSET:
            agent.tools = _known_tools(changes.tools)
            agent.approve = _still_there(agent.approve, agent.tools)
        if changes.approve is not UNSET:
            agent.approve = _approvable(changes.approve, agent.tools)
        if changes.handoffs is not UNSET:
            agent.handoffs = await self._known_agents("handoffs", changes.handoffs, of=agent.id)
        if changes.agent_tools is not UNSET:
            agent.agent_tools = await self._askable(changes.agent_tools, of=agent.id)
        if changes.settings is not UNSET:
            agent.settings = msgspec.to_builtins(changes.settings)
        await self._repository.save()
        return _view(agent)

    async def delete(self, key: str) -> None:
        """Also takes the agent out of the lists of the user's other agents. Runs that use it go on."""
        await self._repository.lock()
        agent_id = (await self._own(key)).id
        gone = str(agent_id)
        for other in await self._repository.all():
            if gone in other.handoffs:
                other.handoffs = [named for named in other.handoffs if named != gone]
            if gone in other.agent_tools:
                other.agent_tools = [named for named in other.agent_tools if named != gone]
        await self._repository.save()
        await self._repository.remove(agent_id)

    async def definition(self, key: str) -> DefinitionSet:
        """The agent and everyone it can reach by handing over and by asking, as they are now."""
        if key in BUILTINS:
            return _definition_set(key, {key: BUILTINS[key]})
        root = _frozen(await self._own(key))
        found = {root.key: root}
        wanted = root.reaches - found.keys()
        while wanted:
            own = await self._repository.among(agent_id for name in wanted if (agent_id := _uuid(name)))
            fresh = [*(BUILTINS[name] for name in wanted if name in BUILTINS), *(_frozen(agent) for agent in own)]
            found |= {agent.key: agent for agent in fresh}
            wanted = {key for agent in fresh for key in agent.reaches} - found.keys()
        return _definition_set(root.key, found)

    async def _own(self, key: str) -> Agent:
        if key in BUILTINS:
            raise AgentBuiltin(key)
        agent_id = _uuid(key)
        agent = await self._repository.find(agent_id) if agent_id else None
        if agent is None:
            raise AgentNotFound
        return agent

    async def _known_agents(self, field: str, named: Sequence[str], *, of: UUID | None = None) -> list[str]:
        """The agents as they are stored. Another user's and one that does not exist are the same error."""
        keys = [name if name in BUILTINS else str(_uuid(name) or name) for name in named]
        own = await self._repository.among(agent_id for name in keys if (agent_id := _uuid(name)))
        known = BUILTINS.keys() | {str(agent.id) for agent in own}
        for index, key in enumerate(keys):
            pointer = f"/{field}/{index}"
            if key not in known:
                raise InvalidField(pointer, "There is no such agent among yours and the built-in ones.")
            if of is not None and key == str(of):
                raise InvalidField(pointer, "An agent cannot name itself.")
            if key in keys[:index]:
                raise InvalidField(pointer, "This agent is listed twice.")
        return keys

    async def _askable(self, named: Sequence[str], *, of: UUID | None = None) -> list[str]:
        keys = await self._known_agents("agent_tools", named, of=of)
        asks = {str(agent.id): agent.agent_tools for agent in await self._repository.all()} if keys else {}
        for index, key in enumerate(keys):
            reason = refusal(asks, str(of) if of else None, key)
            if reason is not None:
                raise InvalidField(f"/agent_tools/{index}", reason)
        return keys


def catalogue() -> list[ToolView]:
    """The tools that agents can have."""
    return [ToolView(name=t.name, description=t.description, parameters=t.parameters) for t in TOOLS.values()]


def _known_tools(tools: Sequence[str]) -> list[str]:
    for index, name in enumerate(tools):
        if name not in TOOLS:
            raise InvalidField(f"/tools/{index}", "There is no such tool.")
        if name in tools[:index]:
            raise InvalidField(f"/tools/{index}", "This tool is listed twice.")
    return [*tools]


def _approvable(approve: Sequence[str], tools: Sequence[str]) -> list[str]:
    for index, name in enumerate(approve):
        if name != EVERY_TOOL and name not in tools:
            raise InvalidField(f"/approve/{index}", "This is not one of the agent's tools.")
        if name in approve[:index]:
            raise InvalidField(f"/approve/{index}", "This tool is listed twice.")
    return [*approve]


def _still_there(approve: Sequence[str], tools: Sequence[str]) -> list[str]:
    return [name for name in approve if name == EVERY_TOOL or name in tools]


def _definition_set(root: str, agents: dict[str, AgentDefinition]) -> DefinitionSet:
    """Without references that lead nowhere, such as a tool that a newer release has dropped."""
    return DefinitionSet(
        root=root,
        agents={
            key: msgspec.structs.replace(
                agent,
                tools=[name for name in agent.tools if name in TOOLS],
                handoffs=[key for key in agent.handoffs if key in agents],
                agent_tools=[key for key in agent.agent_tools if key in agents],
            )
            for key, agent in agents.items()
        },
    )


def _uuid(key: str) -> UUID | None:
    try:
        return UUID(key)
    except ValueError:
        return None


def _frozen(agent: Agent) -> AgentDefinition:
    return AgentDefinition(
        id=str(agent.id),
        name=agent.name,
        description=agent.description,
        instructions=agent.instructions,
        model=agent.model,
        fallback_models=agent.fallback_models,
        tools=agent.tools,
        handoffs=agent.handoffs,
        agent_tools=agent.agent_tools,
        approve=agent.approve,
        settings=settings_of(agent.settings),
    )


def _view(agent: Agent) -> AgentView:
    frozen = msgspec.structs.asdict(_frozen(agent))
    return AgentView(**frozen, builtin=False, created_at=agent.created_at, updated_at=agent.updated_at)


def _builtin_view(agent: AgentDefinition) -> AgentView:
    return AgentView(
        id=agent.name,
        name=agent.name,
        description=agent.description,
        instructions=agent.instructions,
        model=agent.model,
        fallback_models=agent.fallback_models,
        tools=agent.tools,
        handoffs=agent.handoffs,
        agent_tools=agent.agent_tools,
        approve=agent.approve,
        settings=agent.settings,
        builtin=True,
        created_at=None,
        updated_at=None,
    )
