"""Being told of bytes that came, without a task to wake."""

import asyncio
from collections.abc import Callable

import aiohttp


class Arrival(asyncio.Future[None]):
    """What aiohttp wakes when bytes came. It hands them on from there, and wakes its task only if they are not taken.

    To wake a task for each read, through all the coroutines that wait for one another above it, costs more than to
    decode and to store what was read.
    """

    def __init__(self, content: aiohttp.StreamReader, taken: Callable[[bytes], bool]) -> None:
        super().__init__(loop=asyncio.get_running_loop())
        self._content = content
        self._taken = taken

    def set_result(self, _: None) -> None:
        # Not at once: one read of the socket may bring many pieces, each of which is told of.
        self.get_loop().call_soon(self.look)

    def look(self) -> None:
        if self.done():
            return
        try:
            data = self._content.read_nowait()
            waits_on = self._taken(data) if data or self._content.is_eof() else True
        except BaseException as error:  # noqa: BLE001 - it is raised where the answer is awaited
            self.set_exception(error)
            return
        if waits_on:
            self._content._waiter = self  # noqa: SLF001 - there is no other way to hear of bytes without a task
        else:
            super().set_result(None)
