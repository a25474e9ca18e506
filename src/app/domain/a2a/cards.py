"""Agents as cards: one that clients of 1.0, 0.3 and 0.2.5 can read."""

import hashlib
from typing import Any

import msgspec
from a2a.server.request_handlers.response_helpers import agent_card_to_dict
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentExtension,
    AgentInterface,
    AgentProvider,
    AgentSkill,
    HTTPAuthSecurityScheme,
    SecurityRequirement,
    SecurityScheme,
    StringList,
)

from app.domain.a2a import conformance
from app.domain.a2a.parts import JSON, TEXT
from app.domain.accounts.schemas import Principal
from app.domain.agents.builtin import BUILTINS
from app.domain.agents.schemas import AgentDefinition, AgentView
from app.domain.agents.service import AgentService
from app.lib.db.engine import Database

EVENT_IDS = "urn:headgate:a2a:event-ids:1"
_EVENT_IDS = (
    "Every stream numbers its events (`id:`). Whoever was cut off names the last one in Last-Event-ID as it"
    " resubscribes, and misses nothing: not on another node either, nor after a restart."
)
_NO_GRPC = "Spoken: JSON-RPC and HTTP+JSON, in 1.0, 0.3 and 0.2.5; no gRPC."
_WORKS = {
    "todo": ["Add “buy milk” for tomorrow at 9", "What is on Friday?"],
    "chat": ["What is a headgate?"],
}


class Card(msgspec.Struct, frozen=True):
    body: bytes
    etag: str


class Cards:
    def __init__(self, db: Database, *, version: str, default_agent: str, streaming: bool) -> None:
        self._db = db
        self._version = version
        self._default_agent = default_agent
        self._streaming = streaming

    def public(self, base_url: str) -> Card:
        """The default agent's."""
        return encoded(self._card(self._definition(self._default_agent), base_url))

    def is_public(self, agent: str) -> bool:
        return agent in BUILTINS or agent == self._default_agent

    async def one(self, user: Principal | None, agent: str, base_url: str) -> Card:
        """A built-in agent's, or one of the user's own. Raises AgentNotFound."""
        return encoded(self._card(await self._found(user, agent), base_url))

    async def extended(self, user: Principal, agent: str, base_url: str) -> AgentCard:
        """With a skill for each agent that the user can reach."""
        card = self._card(await self._found(user, agent), base_url)
        async with self._db.reading() as db_session:
            everyone = await AgentService.open(db_session, user.user_id).all()
        card.skills.extend(_skill(other) for other in everyone if other.id != agent)
        return card

    async def _found(self, user: Principal | None, agent: str) -> AgentDefinition | AgentView:
        if self.is_public(agent) or user is None:
            return self._definition(agent)
        async with self._db.reading() as db_session:
            return await AgentService.open(db_session, user.user_id).get(agent)

    def _definition(self, agent: str) -> AgentDefinition:
        return conformance.DEFINITION.root_agent if agent == conformance.NAME else BUILTINS[agent]

    def _card(self, agent: AgentDefinition | AgentView, base_url: str) -> AgentCard:
        key = agent.id or agent.name
        url = f"{base_url}/a2a" if key == self._default_agent else f"{base_url}/a2a/agents/{key}"
        card = AgentCard(
            name=agent.name,
            description=f"{agent.description or agent.name} {_NO_GRPC}",
            supported_interfaces=[
                AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0"),
                AgentInterface(url=f"{url}/v1", protocol_binding="HTTP+JSON", protocol_version="1.0"),
                AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="0.3.0"),
                AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version="0.3.0"),
            ],
            provider=AgentProvider(url=base_url, organization="Headgate"),
            version=self._version,
            documentation_url=f"{base_url}/schema",
            capabilities=AgentCapabilities(
                streaming=self._streaming,
                push_notifications=True,
                extended_agent_card=True,
                extensions=[AgentExtension(uri=EVENT_IDS, description=_EVENT_IDS, required=False)],
            ),
            default_input_modes=[TEXT, JSON],
            default_output_modes=[TEXT, JSON],
            skills=[_skill(agent)],
        )
        bearer = HTTPAuthSecurityScheme(scheme="bearer", bearer_format="JWT")
        card.security_schemes["bearer"].CopyFrom(SecurityScheme(http_auth_security_scheme=bearer))
        card.security_requirements.append(SecurityRequirement(schemes={"bearer": StringList()}))
        return card


def encoded(card: AgentCard) -> Card:
    body = msgspec.json.encode(readable(card), order="deterministic")
    return Card(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def readable(card: AgentCard) -> dict[str, Any]:
    """By all versions: what each needs stands beside what the others do."""
    return agent_card_to_dict(card)


def _skill(agent: AgentDefinition | AgentView) -> AgentSkill:
    return AgentSkill(
        id=agent.id or agent.name,
        name=agent.name,
        description=agent.description or agent.name,
        tags=[*agent.tools] or ["conversation"],
        examples=_WORKS.get(agent.name, []),
    )
