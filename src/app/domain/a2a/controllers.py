"""A2A over HTTP: JSON-RPC and REST, the cards, and a feed for browsers."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, get, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.exceptions import HTTPException
from litestar.params import FromPath, HeaderParameter, QueryParameter
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE
from litestar.types import ASGIApp
from starlette.requests import Request as SdkRequest

from app.domain.a2a.cards import Card, Cards, readable
from app.domain.a2a.dispatch import Door
from app.domain.a2a.errors import NotJson, TaskOver
from app.domain.a2a.feed import feed
from app.domain.a2a.handler import EXCHANGE, Exchange
from app.domain.a2a.push import PushKeys
from app.domain.a2a.refusals import rest_error, rpc_error
from app.domain.a2a.service import Tasks
from app.domain.accounts.guards import PUBLIC, bearer_token
from app.domain.accounts.schemas import Principal, RunTicket
from app.domain.accounts.service import Authenticator, TicketService
from app.domain.runs.controllers.stream import watched
from app.lib.clock import Clock
from app.lib.errors import AppError

CACHE = "public, max-age=300"
REST = [HttpMethod.GET, HttpMethod.POST, HttpMethod.DELETE]
AnyRequest = Request[Any, Any, Any]
LastEventId = Annotated[str | None, HeaderParameter(name="Last-Event-ID")]


class Answered(Response[None]):
    """By an ASGI application."""

    def __init__(self, app: Any) -> None:
        super().__init__(None)
        self._app = app

    def to_asgi_response(self, app: Any, request: AnyRequest, **_: Any) -> ASGIApp:  # type: ignore[override]
        answered: ASGIApp = self._app
        return answered


class Received(SdkRequest):
    """A request whose body was read, and held to our rules, before the SDK sees it."""

    def __init__(self, request: AnyRequest, exchange: Exchange, body: bytes, value: Any) -> None:
        super().__init__({**request.scope, EXCHANGE: exchange, "path_params": {}}, request.receive)  # type: ignore[arg-type]
        self._received = body
        self._value = value

    async def body(self) -> bytes:
        return self._received

    async def json(self) -> Any:
        return self._value


class Front:
    """What all of the routes need to know."""

    def __init__(self, door: Door, tasks: Tasks, cards: Cards, keys: PushKeys, *, public_url: str) -> None:
        self.door = door
        self.tasks = tasks
        self.cards = cards
        self.keys = keys
        self._public_url = public_url

    def base_url(self, request: AnyRequest) -> str:
        """Where clients find us: what the operator says, else what they came by."""
        return self._public_url or str(request.base_url).rstrip("/")

    def exchange(self, request: AnyRequest, user: Principal, agent: str | None) -> Exchange:
        return Exchange(
            user=user,
            agent=agent or self.tasks.default_agent,
            base_url=self.base_url(request),
            receive=request.receive,
            watch=watched,
            last_event_id=request.headers.get("last-event-id"),
            idempotency_key=request.headers.get("idempotency-key"),
        )

    async def rpc(self, request: AnyRequest, user: Principal, agent: str | None) -> Response[Any]:
        try:
            body = await _json(request)
        except AppError as error:
            return Response(rpc_error(error, None, old=False)[1])
        exchange = self.exchange(request, user, agent)
        received = Received(request, exchange, await request.body(), body)
        return Answered(await self.door.rpc(received, exchange, body))

    async def rest(self, request: AnyRequest, user: Principal, agent: str | None, path: str) -> Response[Any]:
        try:
            body = await _json(request) if request.method == "POST" and await request.body() else None
        except AppError as error:
            status, told = rest_error(error)
            return Response(told, status_code=status)
        exchange = self.exchange(request, user, agent)
        return Answered(await self.door.rest(Received(request, exchange, await request.body(), body), exchange, path))


class A2AController(Controller):
    path = "/a2a"
    include_in_schema = False

    @post(status_code=200)
    async def rpc(
        self, request: AnyRequest, a2a: NamedDependency[Front], user: NamedDependency[Principal]
    ) -> Response[Any]:
        """JSON-RPC to the default agent."""
        return await a2a.rpc(request, user, None)

    @post("/agents/{agent_id:str}", status_code=200)
    async def agent_rpc(
        self,
        agent_id: FromPath[str],
        request: AnyRequest,
        a2a: NamedDependency[Front],
        user: NamedDependency[Principal],
    ) -> Response[Any]:
        """JSON-RPC to an agent."""
        return await a2a.rpc(request, user, agent_id)

    @route("/v1/{rest:path}", http_method=REST, status_code=200)
    async def rest(
        self, rest: FromPath[str], request: AnyRequest, a2a: NamedDependency[Front], user: NamedDependency[Principal]
    ) -> Response[Any]:
        """REST to the default agent."""
        return await a2a.rest(request, user, None, rest)

    @route("/agents/{agent_id:str}/v1/{rest:path}", http_method=REST, status_code=200)
    async def agent_rest(
        self,
        agent_id: FromPath[str],
        rest: FromPath[str],
        request: AnyRequest,
        a2a: NamedDependency[Front],
        user: NamedDependency[Principal],
    ) -> Response[Any]:
        """REST to an agent."""
        return await a2a.rest(request, user, agent_id, rest)

    @get(opt=PUBLIC)
    async def card(self, request: AnyRequest, a2a: NamedDependency[Front]) -> Response[bytes]:
        """The default agent's card."""
        return _card(request, a2a.cards.public(a2a.base_url(request)), public=True)

    @get(["/agents/{agent_id:str}/card", "/agents/{agent_id:str}/.well-known/agent-card.json"], opt=PUBLIC)
    async def agent_card(
        self,
        agent_id: FromPath[str],
        request: AnyRequest,
        a2a: NamedDependency[Front],
        authenticator: NamedDependency[Authenticator],
    ) -> Response[bytes]:
        """A built-in agent's card; that of a user's own agent is for its owner."""
        public = a2a.cards.is_public(agent_id)
        user = None if public else await authenticator.authenticate(bearer_token(request) or "")
        return _card(request, await a2a.cards.one(user, agent_id, a2a.base_url(request)), public=public)

    @get(["/agent/authenticatedExtendedCard", "/agents/{agent_id:str}/agent/authenticatedExtendedCard"])
    async def extended_card(
        self, request: AnyRequest, a2a: NamedDependency[Front], user: NamedDependency[Principal]
    ) -> Response[Any]:
        """The extended card, where 0.2.5 looks for it."""
        return await _extended(request, a2a, user, request.path_params.get("agent_id"))

    @get("/stream", opt={"ticketed": True})
    async def feed(
        self,
        *,
        task_id: Annotated[str, QueryParameter(name="taskId")],
        request: AnyRequest,
        a2a: NamedDependency[Front],
        user: NamedDependency[Principal],
        clock: NamedDependency[Clock],
        tickets: NamedDependency[TicketService],
        run_ticket: NamedDependency[RunTicket | None],
        last_event_id: LastEventId = None,
    ) -> Response[Any]:
        """A task as an EventSource reads it; 204 when nothing is left."""
        if run_ticket is not None:
            tickets.check(run_ticket, (await a2a.tasks.get(user, task_id)).run.ended_at)
        try:
            return Answered(await feed(a2a.tasks, user, task_id, last_event_id, clock=clock, watch=watched))
        except TaskOver:
            return Response(None, status_code=204)


@get(["/.well-known/agent-card.json", "/.well-known/agent.json"], opt=PUBLIC, include_in_schema=False)
async def well_known_card(request: AnyRequest, a2a: NamedDependency[Front]) -> Response[bytes]:
    return _card(request, a2a.cards.public(a2a.base_url(request)), public=True)


@get("/.well-known/jwks.json", opt=PUBLIC, include_in_schema=False)
async def push_keys(a2a: NamedDependency[Front]) -> Response[dict[str, Any]]:
    """What the signatures of push notifications are checked with."""
    return Response(a2a.keys.jwks, headers={"Cache-Control": CACHE})


@get("/agent/authenticatedExtendedCard", include_in_schema=False)
async def extended_card(
    request: AnyRequest, a2a: NamedDependency[Front], user: NamedDependency[Principal]
) -> Response[Any]:
    return await _extended(request, a2a, user, None)


async def _json(request: AnyRequest) -> Any:
    """Raises NotJson where the body is said to be something else."""
    try:
        return await request.json()
    except HTTPException as error:
        if error.status_code != HTTP_415_UNSUPPORTED_MEDIA_TYPE:
            raise
        raise NotJson from None


async def _extended(request: AnyRequest, a2a: Front, user: Principal, agent: str | None) -> Response[Any]:
    card = await a2a.cards.extended(user, agent or a2a.tasks.default_agent, a2a.base_url(request))
    return Response(msgspec.json.encode(readable(card)), media_type="application/json")


def _card(request: AnyRequest, card: Card, *, public: bool) -> Response[bytes]:
    headers = {"ETag": card.etag, "Cache-Control": CACHE if public else "private, no-cache"}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {card.etag, "*"}:
        return Response(b"", status_code=304, headers=headers)
    return Response(card.body, media_type="application/json", headers=headers)
