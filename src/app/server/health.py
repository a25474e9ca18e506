"""For those who watch the server, and for whoever opens its address in a browser."""

import time
from importlib.metadata import version
from typing import Literal

import anyio
import msgspec
import structlog
from litestar import Controller, get, route
from litestar.datastructures import State
from litestar.enums import HttpMethod
from sqlalchemy import text

from app.domain.runs.admission import Admission
from app.lib.crypto.ring import Ring
from app.lib.db.engine import Database
from app.lib.errors import AppError, ErrorKind
from app.lib.resilience.breaker import BreakerState
from app.lib.runlog.pressure import PressureView
from app.server.limiting import LimitsView

VERSION = version("headgate")
DATABASE_SECONDS = 0.8
PROBES = [HttpMethod.GET, HttpMethod.HEAD]
logger = structlog.get_logger()


class NotReady(AppError):
    """The server is stopping, or its database does not answer or takes no events."""

    kind = ErrorKind.UNAVAILABLE
    code = "not_ready"
    retryable = True


class Load(PressureView, frozen=True, kw_only=True):
    active_runs: int
    readers: int


class Ready(msgspec.Struct, frozen=True):
    pressure: Load
    vault: Literal["open", "sealed"]
    """Sealed: without its master key the server does all but use what users have stored."""
    providers: dict[str, BreakerState]
    """Of those whose key the server lends, as this process knows them."""
    limits: LimitsView
    status: Literal["ok"] = "ok"


class Probe:
    """Asks the database on a connection of its own: an answer does not wait behind those who work."""

    def __init__(self, url: str) -> None:
        self._db = Database(url, pool_size=1)
        self._lock = anyio.Lock()
        self._asked_at = 0.0
        self._answered = False

    async def answers(self) -> bool:
        """Within a second. Those who ask at the same time share one question."""
        now = time.monotonic()
        with anyio.move_on_after(DATABASE_SECONDS):
            async with self._lock:
                if self._asked_at < now:
                    self._asked_at, self._answered = time.monotonic(), False
                    self._answered = await self._ask()
                return self._answered
        logger.warning("the database does not answer in time")
        return False

    async def _ask(self) -> bool:
        try:
            async with self._db.reading() as db_session:
                await db_session.execute(text("SELECT 1"))
        except Exception as error:  # noqa: BLE001 - drivers raise of every kind, and each means not ready
            logger.warning("the database does not answer", error=type(error).__name__)
            return False
        return True

    async def close(self) -> None:
        await self._db.close()


class HealthController(Controller):
    path = "/health"
    opt = {"public": True}
    security: list[dict[str, list[str]]] = [{}]
    tags = ["operation"]

    @route("/live", http_method=PROBES)
    async def live(self) -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @route("/ready", http_method=PROBES)
    async def ready(self, state: State) -> Ready:
        """The process can work: it has its database and was not told to stop. Says how much it has to do."""
        if state.stopping.is_set():
            raise NotReady("The server is stopping.")
        if not await state.probe.answers():
            raise NotReady("The database does not answer.")
        if state.writer.failing:
            raise NotReady("The run log cannot be written.")
        admission: Admission = state.admission
        felt = msgspec.structs.asdict(state.pressure.view)
        load = Load(**felt, active_runs=admission.runs, readers=admission.readers)
        ring: Ring = state.ring
        vault: Literal["open", "sealed"] = "sealed" if ring.is_sealed else "open"
        return Ready(pressure=load, vault=vault, providers=state.registry.health(), limits=state.limiting.view)


@get("/", opt={"public": True}, include_in_schema=False)
async def front() -> dict[str, str]:
    return {"name": "Headgate", "version": VERSION, "api": "/schema", "health": "/health/ready"}
