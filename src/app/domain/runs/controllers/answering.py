"""How a client wants its answer, and how the API's description says that it may be a stream."""

import re
from dataclasses import dataclass

from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference

EVENT_STREAM = "text/event-stream"
_JSON = "application/json"
_QUOTED = re.compile(r'"(?:[^"\\]|\\.?)*+"?')
"""One that is not closed goes to the end: looking for its end again from each quote takes seconds."""
_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def wants_stream(accept: str) -> bool:
    """Whether a stream is at least as welcome as JSON; what takes anything, as `*/*` does, gets JSON."""
    ranges = dict(_range(part) for part in _QUOTED.sub("", accept).lower().split(","))
    stream, json = _welcome(ranges, EVENT_STREAM), _welcome(ranges, _JSON)
    return stream[0] > 0 and (stream > json or (stream == json and EVENT_STREAM in ranges))


def prefers_async(prefer: str) -> bool:
    """Whether `respond-async` is one of the preferences (RFC 7240)."""
    names = (re.split("[;=]", part, maxsplit=1)[0] for part in _QUOTED.sub("", prefer).split(","))
    return any(name.strip().lower() == "respond-async" for name in names)


def _range(part: str) -> tuple[str, float]:
    """A media range and its quality; what cannot be read counts as not wanted."""
    media_range, *parameters = (piece.strip() for piece in part.split(";"))
    given = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
    return media_range, float(given) if _QUALITY.fullmatch(given) else 0.0


def _welcome(ranges: dict[str, float], media_type: str) -> tuple[float, int]:
    """The quality that the closest range gives, and how close that one is."""
    kind = media_type.partition("/")[0]
    for closeness, name in ((2, media_type), (1, f"{kind}/*"), (0, "*/*")):
        if name in ranges:
            return ranges[name], closeness
    return 0.0, 0


@dataclass
class StreamOperation(Operation):
    """An operation whose 200 is, or may be, a stream of events."""

    def __post_init__(self) -> None:
        content = (self.responses or {})["200"].content  # type: ignore[union-attr]
        if content is not None:
            content[EVENT_STREAM] = OpenAPIMediaType(Reference(ref="#/components/schemas/RunEventEnvelope"))
