"""Headgate as it is, noting how long each chunk takes from the log's `append` to the write to the reader's socket.

The two calls are wrapped from outside, so that the server itself carries nothing for this.
"""

import re
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from app.__main__ import main
from app.lib.runlog.log import RunLog
from app.server import protocol

_STAMP = re.compile(rb"~(\d{16})")

appended: dict[bytes, float] = {}
delays: list[float] = []


def trace() -> None:
    append, send, write_now = RunLog.append, RequestResponseCycle.send, protocol.write_now

    def traced_append(self: RunLog, name: bytes, data: bytes) -> None:
        if name == b"message_delta":
            now = time.perf_counter()
            appended.update(dict.fromkeys(_STAMP.findall(data), now))
        append(self, name, data)

    async def traced_send(self: RequestResponseCycle, message: Any) -> None:
        await send(self, message)
        note(message.get("body", b""))

    def traced_write_now(cycle: RequestResponseCycle, data: bytes) -> bool:
        written = write_now(cycle, data)
        if written:
            note(data)
        return written

    def note(written: bytes) -> None:
        now = time.perf_counter()
        # Finished messages repeat the stamps, and find them taken.
        for stamp in _STAMP.findall(written):
            then = appended.pop(stamp, None)
            if then is not None:
                delays.append(now - then)

    RunLog.append = traced_append  # type: ignore[method-assign]
    RequestResponseCycle.send = traced_send  # type: ignore[method-assign]
    protocol.write_now = traced_write_now


if __name__ == "__main__":
    trace()
    to = Path(sys.argv[1])
    sys.argv = ["headgate", "serve"]
    try:
        main()
    finally:
        to.write_bytes(msgspec.json.encode(delays))
