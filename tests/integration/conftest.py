"""Headgate on a real socket, and clients that are signed in."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
import uvicorn
from argon2 import PasswordHasher
from litestar import Litestar

from app.lib.crypto import passwords
from app.server import app as application
from app.server.app import create_app
from app.server.protocol import BoundedProtocol
from app.server.settings import Settings
from app.server.socket_protocol import SOCKET_OPTIONS
from tests.a2a_exchange import Checked
from tests.limits import UNLIMITED
from tests.routing import Routed
from tests.servers import Nursery, nursery

PASSWORD = "correct horse battery staple"
SignUp = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture(autouse=True, scope="session")
def _quick_passwords() -> Iterator[None]:
    """Argon2id all the same, in 1 ms where people get 40: nearly every test signs somebody up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "default_hasher", lambda: PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_clients() -> Iterator[None]:
    """Each would read the authorities' certificates otherwise, which takes 30 ms, though hardly one speaks TLS."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httpx._transports.default, "create_ssl_context", cache(httpx._config.create_ssl_context))
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_routes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "Litestar", Routed())
        yield


@dataclass
class LiveServer:
    """Headgate on a free port, over a real socket: streams and disconnects are what they are in life."""

    url: str
    app: Litestar
    settings: Settings


class _Server(uvicorn.Server):
    """uvicorn, stopped by an event instead of a look ten times a second, and gone at once when nobody is there."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = anyio.Event()
        self.done = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.done.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for _ in range(10):  # the loop looks at its sockets each time
            await anyio.lowlevel.checkpoint()
        if self.server_state.connections or self.server_state.tasks:
            await super().shutdown(sockets)
            return
        for server in self.servers:
            server.close()
        with anyio.move_on_after(self.config.timeout_graceful_shutdown):  # as uvicorn does
            for server in self.servers:
                await server.wait_closed()
        await self.lifespan.shutdown()


@asynccontextmanager
async def live_server(settings: Settings, **options: Any) -> AsyncIterator[LiveServer]:
    app = create_app(settings, **options)
    checked = Checked(app)
    config = uvicorn.Config(
        checked,
        http=partial(BoundedProtocol, idle_seconds=settings.stream_idle_timeout),  # type: ignore[arg-type]
        log_config=None,
        access_log=False,
        lifespan="on",
        timeout_graceful_shutdown=5,
        loop="none",
        server_header=False,
        **SOCKET_OPTIONS,
    )
    server = _Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server._serve, [listener])
        with anyio.fail_after(10):
            await server.up.wait()
        try:
            yield LiveServer(url, app, settings)
        finally:
            app.state.stopping.set()
            server.done.set()
    listener.close()
    assert not checked.misfits, checked.misfits


@pytest.fixture(scope="session")
def servers() -> Iterator[Nursery]:
    """Starts server processes, quickly."""
    with nursery() as started:
        yield started


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    values = {"data_dir": tmp_path, "database_url": database_url, "jwt_secret": "test-secret-" + "x" * 32}
    return Settings.model_validate(values | UNLIMITED)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(settings) as running:
        yield running


@pytest.fixture
async def anonymous(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=server.url) as client:
        yield client


@pytest.fixture
async def sign_up(server: LiveServer) -> AsyncIterator[SignUp]:
    """Makes a new user and returns a client that carries their access token."""
    async with AsyncExitStack() as stack:

        async def make(email: str | None = None) -> httpx.AsyncClient:
            client = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url))
            account = {"email": email or f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Test"}
            (await client.post("/api/access/signup", json=account)).raise_for_status()
            login = await client.post("/api/access/login", json=account)
            login.raise_for_status()
            client.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            return client

        yield make


@pytest.fixture
async def client(sign_up: SignUp) -> httpx.AsyncClient:
    return await sign_up()
