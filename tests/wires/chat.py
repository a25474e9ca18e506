"""A fake provider that speaks chat completions: real HTTP on a real socket, down to the byte.

In a test take the fixture `chat_wire`; for a benchmark run `python -m tests.wires.chat --port 9000` in a process of its
own, where the model's name says what comes: `200x50` is 200 chunks, one every 50 ms.
"""

import argparse
import asyncio
import re
import socket
import struct
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import TaskGroup

from app.lib.egress.policy import Policy
from tests.wires.script import Ending, Script, answer, listing, paced

LOCAL = Policy(["127.0.0.1", "localhost"])
"""Lets users' credentials reach the fake providers, which a server does only where its operator says so."""
_PACED = re.compile(r"(\d+)x(\d+)")


@dataclass
class Seen:
    """A request as it came, and what became of its client."""

    connection: int
    """Which connection it came on, counted from 1."""
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    raw: bytes = b""
    """The body as it came."""
    method: str = "POST"
    hung_up: anyio.Event = field(default_factory=anyio.Event)
    """Set when the client closes the connection, before or after the response's end."""
    answered: anyio.Event = field(default_factory=anyio.Event)
    """Set when the whole response was written."""

    @property
    def messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.body["messages"]
        return messages

    @property
    def last_words(self) -> str:
        """Of the user."""
        said = [message["content"] for message in self.messages if message["role"] == "user"]
        return without_time(str(said[-1])) if said else ""


def without_time(text: str) -> str:
    """What the user said, without what a run tells of the time before it."""
    line, _, words = text.partition("\n")
    return words if line.startswith("Current time: ") else text


Rule = tuple[Callable[[Seen], bool], Script | Callable[[Seen], Script]]


class ChatWire:
    """Answers from the queue, else by the first rule that fits, else with `default`."""

    def __init__(self, tasks: TaskGroup) -> None:
        self.requests: list[Seen] = []
        self.connections = 0
        self.default: Callable[[Seen], Script] = _default
        self.probed: Callable[[Seen], Script] = lambda _: listing()
        """Answers who wants to know whether a key is good."""
        self._tasks = tasks
        self._queue: deque[Script] = deque()
        self._rules: list[Rule] = []
        self._arrival = anyio.Event()
        self._open: list[_Connection] = []
        self.port = 0

    @property
    def url(self) -> str:
        """The base URL to give to a client."""
        return f"http://127.0.0.1:{self.port}/v1"

    def queue(self, *scripts: Script) -> None:
        self._queue.extend(scripts)

    def when(self, fits: str | Callable[[Seen], bool], script: Script | Callable[[Seen], Script]) -> None:
        """Answer so whenever the user's last words (or the model's name) contain `fits`."""
        if isinstance(fits, str):
            self._rules.append((lambda seen: fits in seen.last_words or fits in seen.body.get("model", ""), script))
        else:
            self._rules.append((fits, script))

    async def request(self, number: int = 1) -> Seen:
        """The request with this number, as soon as it has come."""
        while len(self.requests) < number:
            await self._arrival.wait()
        return self.requests[number - 1]

    def script_for(self, seen: Seen) -> Script:
        if seen.method == "GET" or "/headgate.verify/" in seen.path:
            return self.probed(seen)
        if self._queue:
            return self._queue.popleft()
        found: Script | Callable[[Seen], Script] = next((s for fits, s in self._rules if fits(seen)), self.default)
        return found if isinstance(found, Script) else found(seen)

    def connected(self) -> asyncio.Protocol:
        self.connections += 1
        connection = _Connection(self, self.connections)
        self._open.append(connection)
        return connection

    def close(self) -> None:
        for connection in self._open:
            connection.close()

    def arrived(self, connection: "_Connection", seen: Seen) -> None:
        self.requests.append(seen)
        self._arrival.set()
        self._arrival = anyio.Event()
        self._tasks.start_soon(connection.play, seen)


class _Connection(asyncio.Protocol):
    def __init__(self, wire: ChatWire, number: int) -> None:
        self._wire = wire
        self._number = number
        self._received = b""
        self._current: Seen | None = None
        self._gone = anyio.Event()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
        if self._current is not None:
            self._current.hung_up.set()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found:
            return
        start, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0"))
        if len(rest) < size:
            return
        self._received = rest[size:]
        body = rest[:size] or b"{}"
        self._current = Seen(
            self._number, start.split(" ")[1], headers, msgspec.json.decode(body), body, start.split(" ")[0]
        )
        self._wire.arrived(self, self._current)

    async def play(self, seen: Seen) -> None:
        script = self._wire.script_for(seen)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch, tasks)
            await self._play(script)
            seen.answered.set()
            tasks.cancel_scope.cancel()

    def close(self) -> None:
        self._transport.abort()

    async def _watch(self, tasks: TaskGroup) -> None:
        await self._gone.wait()
        tasks.cancel_scope.cancel()

    async def _write(self, data: bytes) -> None:
        if self._transport.is_closing():
            await anyio.sleep_forever()  # until the watcher sees it too
        self._transport.write(data)
        await anyio.lowlevel.checkpoint()

    async def _play(self, script: Script) -> None:
        if script.silent:
            await anyio.sleep_forever()
        headers = {"date": "Sat, 21 Nov 2026 12:00:00 GMT", "transfer-encoding": "chunked", **script.headers}
        lines = [f"HTTP/1.1 {script.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
        await self._write("\r\n".join((*lines, "", "")).encode())
        for piece in script.pieces():
            if isinstance(piece, bytes):
                await self._write(b"%x\r\n%b\r\n" % (len(piece), piece))
            elif isinstance(piece, anyio.Event):
                await piece.wait()
            else:
                await anyio.sleep(piece)
        await self._end(script.ending)

    async def _end(self, ending: Ending) -> None:
        if ending is Ending.STALL:
            await anyio.sleep_forever()
        if ending is Ending.CLEAN:
            await self._write(b"0\r\n\r\n")
        elif ending is Ending.DROP:
            self._transport.close()
        else:
            # Lingering for no time is what makes closing a reset.
            linger = struct.pack("ii", 1, 0)
            if not self._transport.is_closing():
                self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._transport.abort()


def _default(seen: Seen) -> Script:
    found = _PACED.search(str(seen.body.get("model", "")))
    if found:
        return paced(int(found[1]), int(found[2]) / 1000)
    return answer(f"You said: {seen.last_words}")


@asynccontextmanager
async def chat_server(port: int = 0) -> AsyncIterator[ChatWire]:
    async with anyio.create_task_group() as tasks:
        wire = ChatWire(tasks)
        server = await asyncio.get_running_loop().create_server(wire.connected, "127.0.0.1", port)
        wire.port = server.sockets[0].getsockname()[1]
        try:
            yield wire
        finally:
            server.close()
            wire.close()
            tasks.cancel_scope.cancel()


async def _serve(port: int) -> None:
    async with chat_server(port) as wire:
        print(wire.url, flush=True)  # noqa: T201 - whoever started the process reads it
        await anyio.sleep_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    anyio.run(_serve, parser.parse_args().port, backend_options={"use_uvloop": True})
