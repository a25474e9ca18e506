"""A client of `/api/ws`, as simple as one can be."""

import asyncio
import socket as tcp
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from anyio.abc import SocketStream
from websockets.asyncio.client import ClientConnection, connect

TERMINAL = {"completed", "cancelled", "error", "rate_limit_exceeded"}
Told = dict[str, Any]


class SocketClient:
    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.told: list[Told] = []
        """Every message that was no answer, in order."""
        self._refs = count(1)

    async def say(self, op: str, **members: Any) -> int:
        ref = next(self._refs)
        await self.connection.send(msgspec.json.encode({"op": op, "ref": ref, **members}).decode())
        return ref

    async def hear(self) -> Told:
        message = await self.connection.recv()
        assert isinstance(message, str)
        told: Told = msgspec.json.decode(message)
        return told

    async def ask(self, op: str, **members: Any) -> Told:
        """The answer; what comes before it is kept."""
        ref = await self.say(op, **members)
        while True:
            told = await self.hear()
            if told.get("ref") == ref:
                return told
            self.told.append(told)

    async def ok(self, op: str, **members: Any) -> Any:
        answer = await self.ask(op, **members)
        assert "error" not in answer, answer
        return answer["ok"]

    async def refusal(self, op: str, **members: Any) -> str:
        """The code of the problem that the answer is."""
        answer = await self.ask(op, **members)
        assert "ok" not in answer, answer
        return str(answer["error"]["code"])

    async def until(self, wanted: Callable[[Told], bool]) -> Told:
        for told in self.told:
            if wanted(told):
                return told
        while True:
            told = await self.hear()
            self.told.append(told)
            if wanted(told):
                return told

    async def end_of(self, run_id: str) -> list[Told]:
        """All that is told of the run, up to its terminal event."""
        await self.until(lambda told: told.get("run_id") == run_id and told["event"] in TERMINAL)
        return self.of(run_id)

    async def notice(self, kind: str) -> Any:
        return (await self.until(lambda told: told.get("notice", {}).get("kind") == kind))["notice"]

    def of(self, run_id: str) -> list[Told]:
        return [told for told in self.told if told.get("run_id") == run_id]


@asynccontextmanager
async def socket_of(client: httpx.AsyncClient, query: str = "", **options: Any) -> AsyncIterator[SocketClient]:
    """A socket that says who it is with the client's own token, where it has one."""
    token = client.headers.get("Authorization", "").removeprefix("Bearer ")
    url = f"{client.base_url}".replace("http", "ws", 1).rstrip("/")
    async with connect(f"{url}/api/ws{query}", **{"compression": None, "max_size": None, **options}) as connection:
        socket = SocketClient(connection)
        if token and not query:
            assert await socket.ok("auth", token=token) is True
        yield socket


@asynccontextmanager
async def bare_socket(url: str, ticket: str) -> AsyncIterator[SocketStream]:
    """A connection right after its handshake, with nothing that reads, answers or closes by itself."""
    parts = urlsplit(url)
    raw = tcp.socket(tcp.AF_INET, tcp.SOCK_STREAM)
    raw.setsockopt(tcp.SOL_SOCKET, tcp.SO_RCVBUF, 4096)
    raw.setblocking(False)  # noqa: FBT003 - its signature
    await asyncio.get_running_loop().sock_connect(raw, (parts.hostname, parts.port))
    async with await SocketStream.from_socket(raw) as stream:
        handshake = [
            f"GET /api/ws?ticket={ticket} HTTP/1.1",
            f"Host: {parts.netloc}",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
        ]
        await stream.send("\r\n".join([*handshake, "", ""]).encode())
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await stream.receive(1)
        assert head.startswith(b"HTTP/1.1 101 "), head
        yield stream


def bare_frame(message: Told) -> bytes:
    """A text frame of a client, masked with zeros."""
    data = msgspec.json.encode(message)
    assert len(data) < 126
    return bytes([0x81, 0x80 | len(data)]) + b"\0\0\0\0" + data


def spoken(events: list[Told]) -> str:
    """What the deltas add up to."""
    return "".join(told["data"]["content"] for told in events if told["event"] == "message_delta")


def ids(events: list[Told]) -> list[int]:
    return [told["id"] for told in events if "id" in told]
