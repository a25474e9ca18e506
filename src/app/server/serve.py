"""`headgate serve`: prepare the instance, take the port, run uvicorn."""

import os
import signal
import socket
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import anyio
import uvicorn
from litestar import Litestar
from uvicorn.supervisors import Multiprocess

from app.lib.db.engine import DATABASE_ERRORS, Database
from app.lib.observability.logs import configure_logging
from app.server import migrations
from app.server.app import create_app
from app.server.collecting import collecting
from app.server.data_folder import make_data_folder, only_server, open_to_others
from app.server.hardening import harden
from app.server.keys import with_keys
from app.server.protocol import BoundedProtocol
from app.server.reserved import RESERVED
from app.server.running import check_providers
from app.server.settings import Refused, Settings, variable
from app.server.socket_protocol import SOCKET_OPTIONS
from app.server.web import MISSING, has_ui

GRACE_SECONDS = 3
"""How long open exchanges have after SIGTERM. Streams end by themselves before that."""
GONE_SECONDS = 4.8
"""After this the process goes, whatever still hangs."""
BACKLOG = 2048
SWITCH_SECONDS = 0.001
"""A thread that comes back from the database waits so long for an event loop that is busy; Python's own is 5 ms."""


def serve(settings: Settings) -> None:
    """Serve until told to stop. Raises Refused."""
    configure_logging(settings.log_level)
    check_providers(settings)
    _tell_open_folder(make_data_folder(settings))
    _tell_reserved(settings)
    # uvicorn repeats the signal to whoever held it before: then the exit code is 0, as for any planned end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with only_server(settings):
        settings = anyio.run(prepare, settings)
        with closing(_listen(settings)) as listener:
            settings = settings.model_copy(update={"port": listener.getsockname()[1]})
            config = _config(settings)
            try:
                if settings.workers > 1:
                    _announce(settings)
                    Multiprocess(config, sockets=[listener]).run()
                else:
                    _Server(config, settings).run(sockets=[listener])
            except KeyboardInterrupt:
                pass


async def prepare(settings: Settings) -> Settings:
    """Bring the database up to date and the keys into the settings."""
    db = Database(settings.database)
    try:
        await migrations.upgrade(db)
        return await with_keys(settings, db, warn=_warn)
    except DATABASE_ERRORS as error:
        raise Refused(f"The database cannot be used ({reason(error)}).") from None
    finally:
        await db.close()


def reason(error: Exception) -> str:
    """What a driver says, in one line and without what it was asked."""
    cause = getattr(error, "orig", None) or error
    return " ".join(str(cause).split())[:200] or type(cause).__name__


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, settings: Settings) -> None:
        super().__init__(config)
        self._settings = settings

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            _announce(self._settings)


def _tell_open_folder(folder: Path) -> None:
    """Not ours to change: whoever made it so may have a group that backs it up."""
    if open_to_others(folder):
        _warn(f"The data folder {folder} holds keys and others can read it: chmod 700 it.")


def _tell_reserved(settings: Settings) -> None:
    for name in sorted(settings.model_fields_set & RESERVED):
        known_as = variable(name, Settings.model_fields[name])
        _warn(f"{known_as} has no effect in this version.")


def _warn(text: str) -> None:
    sys.stderr.write(f"headgate: {text}\n")


def _announce(settings: Settings) -> None:
    kind = "SQLite" if settings.database.startswith("sqlite") else "PostgreSQL"
    sys.stdout.write(f"Headgate serves {settings.address}\nIts data is in {settings.data_dir} ({kind})\n")
    sys.stdout.flush()
    if not has_ui():
        _warn(MISSING)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Refused(f"{settings.address} cannot be listened on: {error.strerror}.") from None
    listener.set_inheritable(True)
    return listener


def _config(settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        partial(_worker_app, settings),
        factory=True,
        workers=settings.workers,
        loop="uvloop",
        http=partial(BoundedProtocol, idle_seconds=settings.stream_idle_timeout),  # type: ignore[arg-type]
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=15,
        **SOCKET_OPTIONS,
        timeout_worker_healthcheck=60,  # a worker that still imports does not answer yet
    )


def _worker_app(settings: Settings) -> Litestar:
    configure_logging(settings.log_level)
    harden()
    app = create_app(settings, lifespan=[collecting])
    app.state.stopping.on_set(_go_in_time)
    sys.setswitchinterval(SWITCH_SECONDS)
    return app


def _go_in_time() -> None:
    timer = threading.Timer(GONE_SECONDS, os._exit, (1,))
    timer.daemon = True
    timer.start()
