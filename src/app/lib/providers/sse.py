"""Reading server-sent events (WHATWG HTML, section 9.2) from bytes that come in any pieces."""

MAX_EVENT = 4 * 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_NAMED = 2
"""Lines of an event that has a name."""

_SIGNS_OF_LIFE = {b"ping", b"heartbeat", b"keepalive", b"keep-alive"}

Event = tuple[bytes, bytes]
"""Name (empty where none was given) and data."""


class EventTooLarge(Exception):
    """So much came without an event being finished that it is not a stream of events."""


class EventParser:
    """Lines may end with LF, CRLF or CR, also when the pair is cut in two by the network."""

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max_event = max_event
        self._unread = 0
        self._pieces: list[bytes] = []
        self._data: list[bytes] = []
        self._name = b""
        self._after_cr = False
        self._at_start = True

    def feed(self, chunk: bytes) -> list[Event]:
        """The events that `chunk` finished."""
        if self._after_cr:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if not chunk:
            return []
        if self._is_between_events and (event := _one_event(chunk)):
            return [event]
        self._unread += len(chunk)
        # A line without its end is only put aside: joining it again for each byte would be quadratic.
        if b"\n" not in chunk and b"\r" not in chunk:
            self._pieces.append(chunk)
            events: list[Event] = []
        else:
            self._after_cr = chunk.endswith(b"\r")
            if self._pieces:
                chunk = b"".join((*self._pieces, chunk))
                self._pieces = []
            lines = chunk.splitlines()
            if chunk[-1] not in b"\r\n":
                self._pieces.append(lines.pop())
            events = self._events(lines)
        if self._unread > self._max_event:
            raise EventTooLarge
        return events

    @property
    def _is_between_events(self) -> bool:
        return not (self._pieces or self._data or self._name or self._at_start)

    def end(self) -> list[Event]:
        """What is left when the stream ends: some servers forget the empty line after their last event."""
        return self._events([b"".join(self._pieces), b""])

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        if self._at_start and lines:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line:
                if data:
                    events.append((self._name, data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                    self._unread = 0
                self._name = b""
            elif line.startswith(b"event:"):
                self._name = line[6:].strip()
        return events


def is_sign_of_life(name: bytes, data: bytes) -> bool:
    """Whether an event that is not in the wire's words only keeps the connection open, as comments are meant to."""
    return name in _SIGNS_OF_LIFE or (not data.strip() and name != b"error")


def _one_event(chunk: bytes) -> Event | None:
    """What nearly every read of a model's answer is, with or without a name: worth not being taken apart."""
    if not chunk.endswith(b"\n\n") or b"\r" in chunk:
        return None
    lines = chunk.count(b"\n") - 1
    if lines == 1 and chunk.startswith(b"data: "):
        return b"", chunk[6:-2]
    if lines == _NAMED and chunk.startswith(b"event: "):
        name, found, data = chunk[7:-2].partition(b"\ndata: ")
        return (name.strip(), data) if found else None
    return None
