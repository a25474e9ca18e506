"""The end of a process: streams hear of it in time to say goodbye."""

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import FrameType

import anyio
import anyio.lowlevel
import structlog
from litestar import Litestar

logger = structlog.get_logger()

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Stopping:
    """Set once, when the process is told to end. A server waits for open streams: each must watch this and return."""

    def __init__(self) -> None:
        self._set = False
        self._event: anyio.Event | None = None
        self._callbacks: dict[object, Callable[[], object]] = {}

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        """Call it on the event loop's thread."""
        if self._set:
            return
        self._set = True
        if self._event is not None:
            self._event.set()
        callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            try:
                callback()
            except Exception:
                logger.exception("a callback on stopping failed")

    def on_set(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` on the event loop when the process stops; at once if it already does. Returns a way out."""
        if self._set:
            callback()
            return lambda: None
        token = object()
        self._callbacks[token] = callback

        def forget() -> None:
            self._callbacks.pop(token, None)

        return forget

    async def wait(self) -> None:
        if self._set:
            await anyio.lowlevel.checkpoint()
            return
        if self._event is None:
            self._event = anyio.Event()
        await self._event.wait()


@asynccontextmanager
async def watch_signals(app: Litestar) -> AsyncIterator[None]:
    """Set `app.state.stopping` on SIGTERM and SIGINT, then let the server's own handler go on.

    The server calls the shutdown hooks only after the last stream has ended, which would then never end.
    """
    stopping: Stopping = app.state.stopping
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    previous = {number: signal.getsignal(number) for number in SIGNALS}

    def handle(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(stopping.set)
        before = previous[signal.Signals(number)]
        if callable(before):
            before(number, frame)

    for number in SIGNALS:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number in SIGNALS:
            if signal.getsignal(number) is handle:
                signal.signal(number, previous[number])
