"""For those who watch the server, and for whoever opens its address in a browser."""

from importlib.metadata import version

import anyio
import structlog
from litestar import Controller, get, route
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from sqlalchemy import text

from app.lib.db.engine import Database
from app.lib.errors import AppError, ErrorKind

VERSION = version("headgate")
DATABASE_SECONDS = 3
PROBES = [HttpMethod.GET, HttpMethod.HEAD]
logger = structlog.get_logger()


class NotReady(AppError):
    """The server is stopping, or its database does not answer."""

    kind = ErrorKind.UNAVAILABLE
    code = "not_ready"
    retryable = True


class HealthController(Controller):
    path = "/health"
    opt = {"public": True}
    tags = ["operation"]

    @route("/live", http_method=PROBES)
    async def live(self) -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @route("/ready", http_method=PROBES)
    async def ready(self, state: State, db: NamedDependency[Database]) -> dict[str, str]:
        """The process can work: it has its database and was not told to stop."""
        if state.stopping.is_set():
            raise NotReady("The server is stopping.")
        try:
            with anyio.fail_after(DATABASE_SECONDS):
                async with db.reading() as db_session:
                    await db_session.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - drivers raise of every kind, and each means not ready
            logger.warning("the database does not answer", error=type(error).__name__)
            raise NotReady("The database does not answer.") from None
        return {"status": "ok"}


@get("/", opt={"public": True}, include_in_schema=False)
async def front() -> dict[str, str]:
    return {"name": "Headgate", "version": VERSION, "api": "/schema", "health": "/health/ready"}
