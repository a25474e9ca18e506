"""Streams as providers send them: their bytes, and what an adapter must make of them."""

from pathlib import Path
from typing import Any

import msgspec

from tests.wires.bedrock import event, frame


class Expected(msgspec.Struct, forbid_unknown_fields=True):
    text: str = ""
    reasoning: str = ""
    calls: list[tuple[str, dict[str, Any]]] = []
    usage: tuple[int, int, int, int] | None = None
    """Input, output, reasoning, cached; None where it does not matter."""
    source: str = "provider"
    finish: str = ""
    failure: str = ""
    """Why there is no answer; then there is no finish."""
    items: list[str] | None = None
    citations: list[str] = []


class Recording(msgspec.Struct):
    wire: str
    name: str
    events: list[bytes]
    """In the pieces in which the provider wrote them."""
    expected: Expected

    def with_line_ends(self, end: bytes) -> list[bytes]:
        """Of the same stream; binary ones have no lines."""
        return self.events if self.wire == "bedrock" else [each.replace(b"\n", end) for each in self.events]


def recordings() -> list[Recording]:
    folder = Path(__file__).parent
    return [_read(path) for path in sorted(folder.glob("*/*")) if path.suffix in {".sse", ".jsonl"}]


def _read(path: Path) -> Recording:
    *lines, last = path.read_bytes().rstrip().split(b"\n")
    if path.suffix == ".jsonl":
        events = [_framed(msgspec.json.decode(line)) for line in lines]
        expected = msgspec.json.decode(last, type=dict[str, Expected])["expect"]
    else:
        events = [each + b"\n\n" for each in b"\n".join(lines).rstrip().split(b"\n\n")]
        expected = msgspec.json.decode(last.removeprefix(b": expect "), type=Expected)
    return Recording(path.parent.name, path.stem, events, expected)


def _framed(line: dict[str, Any]) -> bytes:
    if "exception" in line:
        body = msgspec.json.encode({name: line[name] for name in line if name != "exception"})
        return frame(body, exception_type=line["exception"], content_type="application/json", message_type="exception")
    ((kind, members),) = line.items()
    if isinstance(members, dict):
        return event(kind, **members)
    return frame(b"" if members is None else msgspec.json.encode(members), event_type=kind, message_type="event")
