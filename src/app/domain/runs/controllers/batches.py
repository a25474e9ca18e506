"""`?batch=true`: several events in one frame, for readers to whom each frame costs more than a moment's delay."""

import anyio

from app.lib.runlog.cursor import Cursor
from app.lib.runlog.frames import PING, frame, parse

BATCH_BYTES = 1024
BATCH_SECONDS = 0.05
_DELTA = b"\nevent: message_delta\n"


class BatchReader:
    """Reads what a cursor brings in 50 ms, or 1 kB of it; what is gathered wakes no task."""

    def __init__(self, cursor: Cursor) -> None:
        self._cursor = cursor
        self._gathered: list[bytes] = []
        self._room = 0
        self._silent = True
        """Nothing of an answer was seen yet: its first words wait for nothing."""

    async def read(self) -> bytes:
        """As `Cursor.read` does, later."""
        data = await self._cursor.read()
        if not data or data is PING or self._is_due(data):
            return data
        self._gathered = [data]
        self._room = BATCH_BYTES - len(data)
        self._cursor.write_now = self._gather
        with anyio.move_on_after(BATCH_SECONDS) as bound:
            await self._cursor.ready()
        self._cursor.write_now = None
        if not bound.cancelled_caught:
            more = await self._cursor.read()
            self._is_due(more)
            self._gathered.append(more)
        return b"".join(self._gathered)

    def _is_due(self, data: bytes) -> bool:
        first_words = self._silent and _DELTA in data
        self._silent = self._silent and not first_words
        return first_words or len(data) >= BATCH_BYTES

    def _gather(self, data: bytes) -> bool:
        if len(data) >= self._room or (self._silent and _DELTA in data):
            return False
        self._gathered.append(data)
        self._room -= len(data)
        return True


def batched(frames: list[bytes]) -> list[bytes]:
    """The same events in `batch` frames of at most 1 kB of data, unless one event alone is larger."""
    batches: list[bytes] = []
    items: list[bytes] = []
    size = last = 0
    for one_frame in frames:
        seq, name, data = parse(one_frame)
        item = b'{"id":%d,"event":"%b","data":%b}' % (seq, name, data)
        if items and size + len(item) > BATCH_BYTES:
            batches.append(_batch(last, items))
            items, size = [], 0
        items.append(item)
        size += len(item) + 1
        last = seq
    if items:
        batches.append(_batch(last, items))
    return batches


def _batch(last: int, items: list[bytes]) -> bytes:
    """Its id is that of its last event, so that whoever comes back with it misses nothing."""
    return frame(last, b"batch", b"[%b]" % b",".join(items))
