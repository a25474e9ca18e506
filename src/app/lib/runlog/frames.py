"""The bytes of an event, made once: a frame of server-sent events (WHATWG HTML, section 9.2), lines ending with LF.

The data of a frame is one line of JSON, so an empty line can only be a frame's end.
"""

from collections.abc import Iterable, Iterator
from uuid import UUID

import msgspec

END = b"\n\n"
PING = b": ping\n\n"


def frame(seq: int, name: bytes, data: bytes) -> bytes:
    return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, name, data)


def unstored_frame(name: bytes, data: bytes) -> bytes:
    """A frame that is not part of the log and so has no id."""
    return b"event: %b\ndata: %b\n\n" % (name, data)


def parse(one_frame: bytes) -> tuple[int, bytes, bytes]:
    """The sequence number, name and data of one stored frame."""
    head, _, rest = one_frame.partition(b"\nevent: ")
    name, _, data = rest.partition(b"\ndata: ")
    return int(head[4:]), name, data.removesuffix(END)


def split(frames: bytes) -> list[bytes]:
    return [part + END for part in frames.split(END)[:-1]]


def skip(frames: bytes, count: int) -> bytes:
    """What is left after the first `count` frames."""
    start = 0
    for _ in range(count):
        start = frames.index(END, start) + len(END)
    return frames[start:]


def border(frames: bytes, start: int, at_most: int) -> int:
    """Where a write of at most `at_most` bytes from `start` may end; one frame is never cut, however large."""
    end = start + at_most
    if end >= len(frames):
        return len(frames)
    found = frames.rfind(END, start, end)
    if found < 0:
        found = frames.index(END, end - 1)
    return found + len(END)


def joined(frames: Iterable[bytes], at_most: int) -> Iterator[bytes]:
    """Whole frames in writes of at most `at_most` bytes, unless one alone is larger."""
    write: list[bytes] = []
    size = 0
    for one_frame in frames:
        if write and size + len(one_frame) > at_most:
            yield b"".join(write)
            write, size = [], 0
        write.append(one_frame)
        size += len(one_frame)
    if write:
        yield b"".join(write)


def enveloped(one_frame: bytes) -> bytes:
    """The same frame with `{"event", "data"}` as its data."""
    seq, name, data = parse(one_frame)
    return frame(seq, name, b'{"event":"%b","data":%b}' % (name, data))


class Batch(msgspec.Struct, frozen=True):
    """Consecutive frames of one run, written together."""

    run_id: UUID
    last_seq: int
    n: int
    frames: bytes
    ended: bool = False

    @property
    def first_seq(self) -> int:
        return self.last_seq - self.n + 1

    def after(self, seq: int) -> bytes:
        """The frames with a number greater than `seq`."""
        return self.frames if seq < self.first_seq else skip(self.frames, seq - self.first_seq + 1)
