"""The application: settings in, an ASGI app out."""

from collections.abc import AsyncIterator

from litestar import Litestar, Request
from litestar.datastructures import State
from litestar.di import Provide
from sqlalchemy.ext.asyncio import AsyncSession

from app.lib.clock import Clock, SystemClock
from app.lib.db.engine import Database
from app.lib.providers.registry import Registry
from app.server.bodies import MAX_BODY, JSONRequest
from app.server.edge import Edge
from app.server.health import HealthController, Probe, front
from app.server.identity import build_identity
from app.server.lifespan import Stopping, watch_signals
from app.server.limiting import build_limiting
from app.server.openapi import openapi_config
from app.server.problems import HANDLERS
from app.server.routes import ROUTES
from app.server.running import build_registry, build_running
from app.server.settings import Settings


async def provide_db_session(request: Request[object, object, State]) -> AsyncIterator[AsyncSession]:
    """One transaction a request, committed before the response begins; reads only for GET and HEAD."""
    db: Database = request.app.state.db
    async with db.reading() if request.method in {"GET", "HEAD"} else db.writing() as db_session:
        yield db_session


def create_app(settings: Settings, *, clock: Clock | None = None, registry: Registry | None = None) -> Litestar:
    """Build the app. Opens nothing yet: connections are made when it starts and closed when it stops."""
    db = Database(settings.database)
    clock = clock or SystemClock()
    identity = build_identity(settings, db=db, clock=clock)
    limiting = build_limiting(settings, db=db, clock=clock)
    running = build_running(
        settings,
        db=db,
        clock=clock,
        registry=registry or build_registry(settings),
        authenticator=identity.authenticator,
        limiting=limiting,
    )

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
                "admission": running.engine.admission,
                "limiting": limiting,
                "probe": probe,
            }
        ),
        lifespan=[watch_signals, running.lifespan],
        on_startup=[probe.answers],
        on_shutdown=[close_database],
        request_class=JSONRequest,
        request_max_body_size=MAX_BODY,
        openapi_config=openapi_config(),
        logging_config=None,
        debug=False,
    )
    app.asgi_handler = Edge(app.asgi_handler, cors_origins=settings.cors_origins)
    return app
