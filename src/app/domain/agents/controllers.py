"""`/api/agents`: the built-in agents and the caller's own."""

from typing import Annotated

from litestar import Controller, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.schemas import Principal
from app.domain.agents.schemas import AgentChanges, AgentList, AgentView, NewAgent, ToolList
from app.domain.agents.service import AgentService, catalogue

# `FromQuery` of a type with bounds of its own would lose them.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000)]
_BUILTIN = ResponseSpec(None, description="`agent_builtin`")


def provide_agents(db_session: NamedDependency[AsyncSession], user: NamedDependency[Principal]) -> AgentService:
    return AgentService.open(db_session, user.user_id)


class AgentController(Controller):
    path = "/api/agents"
    tags = ["agents"]
    dependencies = {"agents": Provide(provide_agents, sync_to_thread=False)}

    @get()
    async def list_agents(
        self, agents: NamedDependency[AgentService], limit: Limit = 100, offset: Offset = 0
    ) -> AgentList:
        """The built-in agents first, then the caller's own."""
        everyone = await agents.all()
        return AgentList(items=everyone[offset : offset + limit], total=len(everyone), limit=limit, offset=offset)

    @get("/tools")
    async def list_tools(self, limit: Limit = 100, offset: Offset = 0) -> ToolList:
        """The tools an agent can have."""
        tools = catalogue()
        return ToolList(items=tools[offset : offset + limit], total=len(tools), limit=limit, offset=offset)

    @post(responses={409: ResponseSpec(None, description="`too_many_agents`")})
    async def create_agent(self, data: JSONBody[NewAgent], agents: NamedDependency[AgentService]) -> AgentView:
        """Make an agent of the caller's own."""
        return await agents.create(data)

    @get("/{agent_id:str}")
    async def get_agent(self, agent_id: FromPath[str], agents: NamedDependency[AgentService]) -> AgentView:
        """One agent, by its id or a built-in's name."""
        return await agents.get(agent_id)

    @patch("/{agent_id:str}", responses={403: _BUILTIN})
    async def change_agent(
        self, agent_id: FromPath[str], data: JSONBody[AgentChanges], agents: NamedDependency[AgentService]
    ) -> AgentView:
        """Change what the body names; lists and settings are replaced as a whole."""
        return await agents.change(agent_id, data)

    @delete("/{agent_id:str}", responses={403: _BUILTIN})
    async def delete_agent(self, agent_id: FromPath[str], agents: NamedDependency[AgentService]) -> None:
        """Delete an agent, and take it out of the lists of the caller's others."""
        await agents.delete(agent_id)
