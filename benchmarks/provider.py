"""The provider of the benchmarks: chat completions without tasks, so that it is not what is measured.

`tests/wires/chat.py` can do far more and costs several times as much. The model's name says what comes: `200x50` is 200
chunks, one every 50 ms, and `200x50x1000` pads each with 1,000 characters. Every chunk says when it was written, so
that a reader knows how long it took. Streams have random phases: in step with each other they would be stored in
batches that no real load has.
"""

import argparse
import asyncio
import random
import re
import time
from typing import Any

import uvloop

_PACED = re.compile(rb'"model":\s*"(\d+)x(\d+)(?:x(\d+))?"')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT = (
    b'data: {"id":"chatcmpl-CeNVKnbrZ2SyzxXkYJlGPqOVr5cTq","object":"chat.completion.chunk","created":1763720000,'
    b'"model":"fake","service_tier":"default","system_fingerprint":"fp_a1102cf978",'
    b'"choices":[%b],"usage":%b}\n\n'
)
_CHOICE = b'{"index":0,"delta":%b,"logprobs":null,"finish_reason":%b}'


def _piece(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


_FIRST = _piece(_EVENT % (_CHOICE % (b'{"role":"assistant","content":"","refusal":null}', b"null"), b"null"))


def _stamped(padding: int) -> bytes:
    """A chunk that wants the time."""
    stamp = b"%016d" % 0
    event = _EVENT % (_CHOICE % (b'{"content":" ~%b%b"}' % (stamp, b"." * padding), b"null"), b"null")
    return _piece(event).replace(stamp, b"%016d")


_LAST = (
    _piece(_EVENT % (_CHOICE % (b"{}", b'"stop"'), b"null"))
    + _piece(_EVENT % (b"", b'{"prompt_tokens":20,"completion_tokens":200,"total_tokens":220}'))
    + _piece(b"data: [DONE]\n\n")
    + b"0\r\n\r\n"
)


class Connection(asyncio.Protocol):
    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._left = 0
        self._chunk = b""
        self._gap = 0.0
        self._due = 0.0
        self._transport: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or length is None or len(body) < int(length[1]):
            return
        self._received = b""
        paced = _PACED.search(body)
        self._left, gap, padding = (int(number or 0) for number in paced.groups()) if paced else (1, 0, 0)
        self._chunk = _stamped(padding)
        self._gap = gap / 1000
        self._transport.write(_HEAD + _FIRST)
        if gap:
            self._due = self._loop.time() + self._chance.random() * self._gap
            self._timer = self._loop.call_at(self._due, self._tick)
        else:
            stamp = time.monotonic_ns() // 1000
            self._transport.write(b"".join(self._chunk % stamp for _ in range(self._left)) + _LAST)

    def _tick(self) -> None:
        self._transport.write(self._chunk % (time.monotonic_ns() // 1000))
        self._left -= 1
        if self._left:
            self._due += self._gap
            self._timer = self._loop.call_at(self._due, self._tick)
        else:
            self._transport.write(_LAST)


async def serve(port: int) -> None:
    chance = random.Random(1)  # noqa: S311 - the same phases every time
    server = await asyncio.get_running_loop().create_server(lambda: Connection(chance), "127.0.0.1", port, backlog=2048)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    uvloop.run(serve(parser.parse_args().port))
