"""Who may come in: the parts of `accounts`, put together once for the whole application."""

import secrets
from dataclasses import dataclass
from typing import Any

from litestar.di import Provide
from litestar.middleware import DefineMiddleware

from app.domain.accounts.controllers import Entrance
from app.domain.accounts.guards import AuthenticationMiddleware, provide_run_ticket, provide_user
from app.domain.accounts.service import AccessService, Authenticator, Origins, TicketService
from app.lib.clock import Clock
from app.lib.crypto.issuer import OutsideIssuer
from app.lib.crypto.passwords import Passwords
from app.lib.crypto.tokens import AccessTokens, RefreshTokens
from app.lib.db.engine import Database
from app.server.settings import Settings


@dataclass(frozen=True, slots=True)
class Identity:
    authenticator: Authenticator
    access: AccessService
    middleware: DefineMiddleware
    dependencies: dict[str, Provide]
    jwt_secret: str


def build_identity(settings: Settings, *, db: Database, clock: Clock) -> Identity:
    # `serve` has put the instance's own secret there; without one the tokens end with the process.
    jwt_secret = settings.jwt_secret.get_secret_value() if settings.jwt_secret else secrets.token_urlsafe(48)
    tokens = AccessTokens(jwt_secret, clock=clock)
    passwords = Passwords()
    authenticator = Authenticator(db, tokens, clock=clock, outside=_outside_issuer(settings, clock))
    access = AccessService(
        db,
        passwords=passwords,
        access_tokens=tokens,
        refresh_tokens=RefreshTokens(jwt_secret),
        authenticator=authenticator,
        clock=clock,
    )
    tickets = TicketService(db, authenticator, clock=clock)
    origins = Origins(settings.origin, public=bool(settings.public_url), listed=settings.cors_origins)
    return Identity(
        authenticator,
        access,
        DefineMiddleware(AuthenticationMiddleware, authenticator=authenticator, tickets=tickets),
        {
            "user": Provide(provide_user, sync_to_thread=False),
            "passwords": _always(passwords),
            "access": _always(access),
            "authenticator": _always(authenticator),
            "run_ticket": Provide(provide_run_ticket, sync_to_thread=False),
            "tickets": _always(tickets),
            "origins": _always(origins),
            "entrance": _always(Entrance(origins, signup_open=settings.signup_open)),
        },
        jwt_secret,
    )


def _outside_issuer(settings: Settings, clock: Clock) -> OutsideIssuer | None:
    if not settings.jwt_jwks_url:
        return None
    return OutsideIssuer(
        jwks_url=settings.jwt_jwks_url, issuer=settings.jwt_issuer, audience=settings.jwt_audience, clock=clock
    )


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)
