"""The application: settings in, an ASGI app out."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.providers.keys import Keys, VaultKeys
from app.lib.clock import Clock, SystemClock
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.lib.providers.registry import Registry
from app.server.a2a import build_abroad
from app.server.bodies import MAX_BODY, JSONRequest
from app.server.edge import Edge
from app.server.health import HealthController, Probe, front
from app.server.identity import build_identity
from app.server.lifespan import Stopping, watch_signals
from app.server.limiting import build_limiting
from app.server.master_keys import MasterKeys
from app.server.openapi import openapi_config
from app.server.problems import HANDLERS
from app.server.routes import ROUTES
from app.server.running import build_registry, build_running
from app.server.settings import Settings
from app.server.vault import build_vault
from app.server.web import Web

Lifespan = Callable[[Litestar], AbstractAsyncContextManager[None]]


async def provide_db_session(request: Request[object, object, State]) -> AsyncIterator[AsyncSession]:
    """One transaction a request, committed before the response begins; reads only for GET and HEAD."""
    db: Database = request.app.state.db
    async with db.reading() if request.method in {"GET", "HEAD"} else db.writing() as db_session:
        yield db_session


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    registry: Registry | None = None,
    ring: Ring | None = None,
    keys: Keys | None = None,
    lifespan: Sequence[Lifespan] = (),
) -> Litestar:
    """Build the app. Opens nothing yet: connections are made when it starts and closed when it stops."""
    db = Database(settings.database)
    clock = clock or SystemClock()
    identity = build_identity(settings, db=db, clock=clock)
    registry = registry or build_registry(settings)
    limiting = build_limiting(settings, db=db, clock=clock)
    vaulting = build_vault(
        ring or MasterKeys(settings).ring(),
        db=db,
        clock=clock,
        egress=Policy(settings.egress_allow),
        registry=registry,
        access=identity.access,
        usages=limiting.usages,
    )
    running = build_running(
        settings,
        db=db,
        clock=clock,
        registry=registry,
        keys=keys or VaultKeys(vaulting.vault),
        authenticator=identity.authenticator,
        endings=vaulting.endings,
        limiting=limiting,
    )

    abroad = build_abroad(settings, db=db, clock=clock, runs=running.runs, secret=identity.jwt_secret)

    probe = Probe(settings.database)

    async def close_database() -> None:
        await probe.close()
        await db.close()

    app = Litestar(
        route_handlers=[front, HealthController, *ROUTES],
        exception_handlers=HANDLERS,
        middleware=[identity.middleware],
        dependencies={
            "db_session": Provide(provide_db_session),
            "settings": Provide(lambda: settings, sync_to_thread=False),
            "clock": Provide(lambda: clock, sync_to_thread=False),
            "db": Provide(lambda: db, sync_to_thread=False),
            **identity.dependencies,
            **running.dependencies,
            **vaulting.dependencies,
            **abroad.dependencies,
        },
        state=State(
            {
                "settings": settings,
                "db": db,
                "clock": clock,
                "stopping": Stopping(),
                "authenticator": identity.authenticator,
                "runs": running.runs,
                "writer": running.writer,
                "pressure": running.pressure,
                "registry": running.registry,
                "admission": running.engine.admission,
                "limiting": limiting,
                "probe": probe,
                "ring": vaulting.ring,
                "node": vaulting.node,
            }
        ),
        # Whoever stands first leaves last: runs use the vault until they are let go.
        lifespan=[watch_signals, vaulting.lifespan, running.lifespan, abroad.lifespan, *lifespan],
        on_startup=[probe.answers],
        on_shutdown=[close_database],
        request_class=JSONRequest,
        request_max_body_size=MAX_BODY,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Edge(Web(app.asgi_handler), cors_origins=settings.cors_origins)
    return app
