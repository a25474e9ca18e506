"""What goes wrong with providers, and what must come of it: one table for all wires."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.wires.bedrock import delta
from tests.wires.dialects import DIALECTS, NO, Dialect, body
from tests.wires.script import Ending, Script, Step, raw, refusal

HALF = "half an ans"
PAGE = b"<html><h1>502 Bad Gateway</h1> %b</html>" % NO.encode()
JSON = "application/json; charset=utf-8"
FULLY = [dialect.provider for dialect in DIALECTS]

TRIED_AGAIN = {"timeout", "rate_limit", "server", "overloaded", "cut", "malformed"}
"""Kinds that a run asks again after, twice, unless something visible was said."""
RETRYABLE = TRIED_AGAIN - {"malformed"}
"""Kinds whose error says that the user may try again."""


@dataclass(frozen=True)
class Trouble:
    name: str
    script: Callable[[Dialect], Script]
    kind: str
    """The `reason` of a `retrying` event, and what a sentence in our words is told from."""
    status: int | None = None
    retry_after: float | None = None
    said: str = ""
    """Visible text before it."""
    began: bool = True
    """The provider has begun to answer, so what it may have used is estimated."""
    once: bool = False
    """The second try is answered; else every one fails so."""
    wires: list[str] = field(default_factory=lambda: FULLY)
    but: dict[str, str] = field(default_factory=dict)
    """The kind where a wire sees it otherwise."""

    def kind_for(self, dialect: Dialect) -> str:
        return self.but.get(dialect.provider, self.kind)


def _status(status: int, kind: str, name: str = "", said: bytes | None = None, **headers: str) -> Trouble:
    said = said or body(error={"message": NO, "type": "some_error"})
    after = float(headers["retry_after"]) if headers else None
    return Trouble(name or str(status), lambda _: refusal(status, said, **headers), kind, status, after, began=False)


def _begun(dialect: Dialect, *steps: Step, said: str = HALF, ending: Ending = Ending.CLEAN) -> Script:
    """An answer that comes so far. What was written just before a reset would be lost without a wait."""
    begun = dialect.begun(*([said] if said else []))
    return raw(*begun, *steps, 0.02, content_type=dialect.content_type, ending=ending)


def _changed_bit(dialect: Dialect) -> Script:
    broken = bytearray(delta(0, text=" and more"))
    broken[-20] ^= 1
    return _begun(dialect, bytes(broken))


TROUBLES = [
    _status(400, "bad_request"),
    _status(401, "authentication"),
    _status(403, "permission"),
    _status(404, "not_found"),
    _status(408, "timeout"),
    _status(413, "too_large"),
    _status(429, "rate_limit", "429 with Retry-After", retry_after="0.1"),
    _status(500, "server"),
    _status(502, "server", "502 with a proxy's page", PAGE),
    _status(503, "overloaded"),
    _status(529, "overloaded"),
    _status(302, "malformed"),
    Trouble("an error in the stream", lambda d: _begun(d, d.overloaded, said=""), "overloaded"),
    Trouble("an error in the stream after text", lambda d: _begun(d, d.overloaded), "overloaded", said=HALF),
    Trouble(
        "200 with an error body",
        lambda _: raw(
            body(error={"type": "rate_limit_error", "message": NO}, __type="x#ThrottlingException"), content_type=JSON
        ),
        "rate_limit",
    ),
    Trouble("200 with another body", lambda _: raw(body(detail=NO), content_type=JSON), "malformed"),
    Trouble("200 with a proxy's page", lambda _: raw(PAGE, content_type="text/html"), "malformed"),
    Trouble(
        "a proxy's page instead of a stream",
        lambda d: raw(PAGE, content_type=d.content_type),
        "cut",
        but={"bedrock": "malformed"},
    ),
    Trouble("a reset", lambda d: _begun(d, said="", ending=Ending.RESET), "cut"),
    Trouble("a reset after text", lambda d: _begun(d, ending=Ending.RESET), "cut", said=HALF),
    Trouble("a connection that is closed after text", lambda d: _begun(d, ending=Ending.DROP), "cut", said=HALF),
    Trouble("an end without an end marker", lambda d: _begun(d, said=""), "cut"),
    Trouble("an end without an end marker after text", _begun, "cut", said=HALF),
    Trouble("no head", lambda _: Script((), silent=True), "timeout", began=False, once=True),
    Trouble("a stall", lambda d: _begun(d, said="", ending=Ending.STALL), "timeout", once=True),
    Trouble("a stall after text", lambda d: _begun(d, ending=Ending.STALL), "timeout", said=HALF),
    Trouble("JSON that is none", lambda d: _begun(d, d.bad_json, said=""), "malformed"),
    Trouble("JSON that is none after text", lambda d: _begun(d, d.bad_json), "malformed", said=HALF),
    Trouble("bad UTF-8", lambda d: _begun(d, d.bad_utf8), "malformed", said=HALF),
    Trouble("a checksum that is wrong", _changed_bit, "malformed", said=HALF, wires=["bedrock"]),
]


def troubles_of(dialect: Dialect) -> list[Trouble]:
    return [trouble for trouble in TROUBLES if dialect.provider in trouble.wires]
