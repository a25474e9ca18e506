"""`/api/ws`: many runs on one WebSocket."""

from collections.abc import Awaitable
from typing import Any

import msgspec
from litestar import WebSocket, websocket
from litestar.datastructures import State
from litestar.di import NamedDependency

from app.domain.accounts.errors import ForeignPage
from app.domain.accounts.guards import PUBLIC, bearer_token, ticket
from app.domain.accounts.schemas import Principal
from app.domain.accounts.service import Authenticator, Origins, TicketService
from app.domain.runs.service import Runs
from app.domain.runs.socket.sockets import Sockets

AnySocket = WebSocket[object, object, State]


@websocket("/api/ws", opt=PUBLIC)
async def run_socket(
    socket: AnySocket,
    *,
    runs: NamedDependency[Runs],
    sockets: NamedDependency[Sockets],
    authenticator: NamedDependency[Authenticator],
    tickets: NamedDependency[TicketService],
    origins: NamedDependency[Origins],
) -> None:
    if not origins.may_open_socket(socket.headers.get("origin"), socket.headers.get("host")):
        await _refuse(socket, sockets.codec.problem(ForeignPage()))
        return
    await socket.accept()
    with sockets.opened(socket.receive, socket.send, runs=runs, authenticate=authenticator.authenticate) as opened:
        await opened.serve(_proof(socket, authenticator, tickets))


def _proof(socket: AnySocket, authenticator: Authenticator, tickets: TicketService) -> Awaitable[Principal] | None:
    """Who comes, where the handshake says it."""
    if (token := bearer_token(socket)) is not None:
        return authenticator.authenticate(token)
    if (value := ticket(socket)) is not None:
        return tickets.for_socket(value)
    return None


async def _refuse(socket: AnySocket, problem: dict[str, Any]) -> None:
    """As an answer of HTTP, which is what it still is before it is accepted."""
    headers = [(b"content-type", b"application/problem+json")]
    await socket.send({"type": "websocket.http.response.start", "status": problem["status"], "headers": headers})
    await socket.send(
        {"type": "websocket.http.response.body", "body": msgspec.json.encode(problem), "more_body": False}
    )
