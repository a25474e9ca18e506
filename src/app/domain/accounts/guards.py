"""Who may come in, decided before a handler is called."""

from typing import Any
from uuid import UUID

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.types import ASGIApp, Scope

from app.domain.accounts.errors import NotAuthenticated, RoleRequired
from app.domain.accounts.schemas import Principal, Role, RunTicket
from app.domain.accounts.service import Authenticator, TicketService

AnyConnection = ASGIConnection[Any, Any, Any, Any]

PUBLIC = {"public": True}
"""The `opt` of a route that needs no access token. All others do."""
TICKETED = {"ticketed": True}
"""The `opt` of a route for one run that also takes a ticket, in the address."""
_OPEN_PATHS = [r"^/$", r"^/(health|schema|\.well-known)(/|$)"]


class AuthenticationMiddleware(AbstractAuthenticationMiddleware):
    """Sets `request.user` to the `Principal` of the bearer token, else of the ticket where the route takes one.

    Preflights and unknown paths never get here.
    """

    def __init__(self, app: ASGIApp, authenticator: Authenticator, tickets: TicketService) -> None:
        super().__init__(app, exclude=_OPEN_PATHS, exclude_from_auth_key="public")
        self._authenticator = authenticator
        self._tickets = tickets

    async def authenticate_request(self, connection: AnyConnection) -> AuthenticationResult:
        token = bearer_token(connection)
        if token is not None:
            return AuthenticationResult(user=await self._authenticator.authenticate(token), auth=None)
        value = ticket(connection) if connection.route_handler.opt.get("ticketed") else None
        if value is None:
            raise NotAuthenticated
        user, run_ticket = await self._tickets.for_run(value, _run_id(connection))
        return AuthenticationResult(user=user, auth=run_ticket)


def _run_id(connection: AnyConnection) -> UUID:
    """In the path; of an A2A task in the query, where it is called that."""
    try:
        return UUID(str(connection.path_params.get("run_id") or connection.query_params.get("taskId")))
    except ValueError:
        raise NotAuthenticated from None


def bearer_token(connection: AnyConnection) -> str | None:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def ticket(connection: AnyConnection) -> str | None:
    value: str | None = connection.query_params.get("ticket")
    return value or None


def provide_run_ticket(scope: Scope) -> RunTicket | None:
    found = scope.get("auth")
    return found if isinstance(found, RunTicket) else None


def provide_user(scope: Scope) -> Principal:
    user = scope.get("user")
    if not isinstance(user, Principal):
        raise NotAuthenticated
    return user


def requires_admin(connection: AnyConnection, _: BaseRouteHandler) -> None:
    _require(connection, Role.ADMIN)


def requires_auditor(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """An auditor, or an admin, who may all that an auditor may."""
    _require(connection, Role.AUDITOR, Role.ADMIN)


def _require(connection: AnyConnection, *roles: Role) -> None:
    if provide_user(connection.scope).role not in roles:
        raise RoleRequired(roles[0])
