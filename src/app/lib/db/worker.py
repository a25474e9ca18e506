"""A thread for a driver that blocks."""

import asyncio
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import Any


class Worker:
    """Runs calls one after the other. An executor does the same with twice the locks and wake-ups."""

    def __init__(self, name: str) -> None:
        self._calls: SimpleQueue[tuple[asyncio.Future[Any] | None, Callable[[], Any]] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    async def run(self, call: Callable[[], Any]) -> Any:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._calls.put((future, call))
        return await future

    def post(self, call: Callable[[], Any]) -> None:
        """Have it called, and do not wait. It must not raise."""
        self._calls.put((None, call))

    def stop(self) -> None:
        """After the calls that are waiting."""
        self._calls.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (work := self._calls.get()) is not None:
            future, call = work
            try:
                result, error = call(), None
            except BaseException as raised:  # noqa: BLE001 - it is raised where the call was made
                result, error = None, raised
            if future is None:
                continue
            try:
                future.get_loop().call_soon_threadsafe(_settle, future, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody waits any more


def _settle(future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
    if future.done():
        return  # whoever waited was cancelled
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
