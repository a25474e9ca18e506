"""A receiver of push notifications."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import msgspec
from aiohttp import web

from tests.a2a_exchange import check_push


@dataclass
class Delivery:
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> dict[str, Any]:
        told: dict[str, Any] = msgspec.json.decode(self.body)
        return told


@dataclass
class Hook:
    """Answers with each status once, then with 204."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    received: list[Delivery] = field(default_factory=list)
    elsewhere: str = ""
    """Where redirects lead."""
    hold: anyio.Event | None = None
    _came: anyio.Event = field(default_factory=anyio.Event)

    async def deliveries(self, count: int) -> list[Delivery]:
        """As soon as there are so many."""
        with anyio.fail_after(20):
            while len(self.received) < count:
                self._came = anyio.Event()
                await self._came.wait()
        return self.received

    async def take(self, request: web.Request) -> web.Response:
        self.received.append(Delivery({**request.headers}, await request.read()))
        self._came.set()
        if self.hold is not None:
            await self.hold.wait()
        headers = {"Location": self.elsewhere} if self.elsewhere else {}
        return web.Response(status=self.statuses.pop(0) if self.statuses else 204, headers=headers)


@asynccontextmanager
async def hook_server() -> AsyncIterator[Hook]:
    hook = Hook()
    app = web.Application()
    app.router.add_post("/hook", hook.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    hook.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hook"  # type: ignore[attr-defined]
    try:
        yield hook
    finally:
        if hook.hold is not None:
            hook.hold.set()
        await runner.cleanup()
    for delivery in hook.received:
        check_push(delivery.data)
