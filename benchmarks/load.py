"""Readers of streams, as light as they can be: they share two cores with what is measured."""

import asyncio
import itertools
import re
import time
from typing import Any
from urllib.parse import urlsplit

import anyio
import msgspec

_STAMP = re.compile(rb"~(\d{16})")
_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_RETRY = re.compile(rb"^retry-after: (\d+)\r?$", re.MULTILINE | re.IGNORECASE)
_BUSY = 503
_ENDS = (b"event: completed\n", b"event: error\n", b"event: cancelled\n", b"event: rate_limit_exceeded\n")
_DELTA = b"event: message_delta\n"


class Stream(asyncio.Protocol):
    """One request and the frames of its answer.

    It counts the provider's chunks, not frames, so that a delta which joins two counts as two.
    """

    def __init__(self, request: bytes) -> None:
        self.status = 0
        self.retry_after = 1
        """Seconds, where the server is busy."""
        self.chunks = 0
        self.deltas = 0
        """Frames that brought chunks."""
        self.delays: list[int] = []
        """Microseconds from the provider's write to this reader, of each chunk."""
        self.last_id = 0
        self.gaps = 0
        """Ids that did not follow the one before."""
        self.end = ""
        """The name of the terminal event."""
        self.final = b""
        """Its data."""
        self.text: list[bytes] = []
        """The data of the deltas; kept only where nobody measures."""
        self.keeps_text = False
        self.answered = asyncio.get_running_loop().create_future()
        """Done when the status is known, or the connection is lost."""
        self.first = asyncio.get_running_loop().create_future()
        """Done when the first chunk was read, or the stream ended without one."""
        self.done = asyncio.get_running_loop().create_future()
        self._request = request
        self._raw = b""
        self._body = b""
        self._in_head = True
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._transport.write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        for future in (self.answered, self.first, self.done):
            if not future.done():
                future.set_result(None)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        raw = self._raw + data if self._raw else data
        if self._in_head:
            head, found, raw = raw.partition(b"\r\n\r\n")
            if not found:
                self._raw = head
                return
            self._in_head = False
            self._begin(head)
        self._raw = self._unchunk(raw)

    def _begin(self, head: bytes) -> None:
        self.status = int(head[9:12])
        self.answered.set_result(None)
        if self.status != 200:
            found = _RETRY.search(head)
            self.retry_after = int(found[1]) if found else 1
            self._transport.close()

    def _unchunk(self, raw: bytes) -> bytes:
        """Take the whole pieces of chunked encoding; returns what is left."""
        at = 0
        body: list[bytes] = []
        while (line := raw.find(b"\r\n", at)) >= 0:
            size = int(raw[at:line], 16)
            if len(raw) < line + size + 4:
                break
            body.append(raw[line + 2 : line + 2 + size])
            at = line + size + 4
            if size == 0:
                self._transport.close()
        if body:
            self._read(b"".join(body))
        return raw[at:]

    def _read(self, body: bytes) -> None:
        if b"\r" in body:  # sse-starlette ends its lines so
            body = body.replace(b"\r\n", b"\n")
        *frames, self._body = (self._body + body).split(b"\n\n")
        now = time.monotonic_ns() // 1000
        for frame in frames:
            self._frame(frame, now)

    def _frame(self, frame: bytes, now: int) -> None:
        numbered = _ID.match(frame)
        if numbered:
            number = int(numbered[1])
            self.gaps += number != self.last_id + 1
            self.last_id = number
        if _DELTA in frame:
            self.deltas += 1
            stamps = _STAMP.findall(frame)
            self.chunks += len(stamps)
            self.delays.extend([now - int(stamp) for stamp in stamps])
            if self.keeps_text:
                self.text.append(frame.partition(b"data: ")[2])
            if not self.first.done():
                self.first.set_result(None)
        elif any(end in frame for end in _ENDS):
            self.end = frame.partition(b"event: ")[2].partition(b"\n")[0].decode()
            self.final = frame.partition(b"data: ")[2]

    @property
    def said(self) -> str:
        """What the deltas add up to."""
        return "".join(msgspec.json.decode(data)["content"] for data in self.text)

    @property
    def is_whole(self) -> bool:
        return self.status == 200 and self.end == "completed" and self.gaps == 0


def post(url: str, path: str, body: dict[str, Any], **headers: str) -> bytes:
    """The bytes of a request."""
    data = msgspec.json.encode(body)
    fields = {
        "host": urlsplit(url).netloc,
        "content-type": "application/json",
        "accept": "text/event-stream",
        "content-length": str(len(data)),
        **headers,
    }
    head = "\r\n".join([f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""])
    return head.encode() + data


def get(url: str, path: str, **headers: str) -> bytes:
    fields = {"host": urlsplit(url).netloc, "accept": "text/event-stream", **headers}
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items()), "", ""]
    ).encode()


async def open_stream(url: str, request: bytes, *, keeps_text: bool = False, kind: type[Stream] = Stream) -> Stream:
    parts = urlsplit(url)
    stream = kind(request)
    stream.keeps_text = keeps_text
    await asyncio.get_running_loop().create_connection(lambda: stream, parts.hostname or "", parts.port or 80)
    return stream


async def admitted(url: str, request: bytes, *, kind: type[Stream] = Stream) -> tuple[Stream, int]:
    """A stream that was let in: where the server is busy it is asked again when it says so, as clients do.

    With it comes how often it was busy.
    """
    for refused in itertools.count():
        stream = await open_stream(url, request, kind=kind)
        await stream.answered
        if stream.status != _BUSY:
            return stream, refused
        await anyio.sleep(stream.retry_after)
    raise AssertionError
