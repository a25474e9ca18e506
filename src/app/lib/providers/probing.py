"""Whether a key is good: the cheapest request that tells, and what its answer means."""

import re
from enum import StrEnum

import aiohttp
import msgspec
from yarl import URL

from app.lib.egress.errors import EgressRefused
from app.lib.providers.errors import ProviderErrorKind
from app.lib.providers.refusals import refused

SECONDS = 10.0
_MAX_BODY = 64 * 1024
_ALLOWED = re.compile(rb"missing scopes?|insufficient permissions|is not authorized to perform", re.IGNORECASE)
"""A key that may do something else, such as call models but not list them, is refused so by OpenAI and by AWS, and only
a key that they know."""
_SPENT = re.compile(rb"insufficient_quota|credit balance|billing|payment|\bcredits?\b|\bquota\b", re.IGNORECASE)

Kind = ProviderErrorKind


class Verdict(StrEnum):
    VALID = "valid"
    INVALID = "invalid"
    NO_QUOTA = "no_quota"
    """The provider knows the key and takes no requests from it for now."""
    UNREACHABLE = "unreachable"
    """It cannot be asked, or what answers there is no such provider."""


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """A request that costs nothing and needs the key. A POST where there is a body."""

    provider: str
    url: str | URL
    headers: dict[str, str]
    body: bytes | None = None
    asks_for_nothing: bool = False
    """It names what is not there: to be told so, one must have been let in."""

    def __repr__(self) -> str:
        return f"<probe of {self.provider}>"


async def verdict_of(session: aiohttp.ClientSession, probe: Probe, *, seconds: float = SECONDS) -> Verdict:
    """Ask. Raises EgressRefused where this server may not call the address; nothing else, and repeats no body."""
    try:
        async with session.request(
            "GET" if probe.body is None else "POST",
            probe.url,
            headers=probe.headers,
            data=probe.body,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(total=seconds),
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            status, body = response.status, await _beginning(response.content)
    except EgressRefused:
        raise
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Verdict.UNREACHABLE
    if status == 200:  # noqa: PLR2004 - OK
        return Verdict.VALID if "json" in headers.get("content-type", "") else Verdict.UNREACHABLE
    return _judged(probe, refused(probe.provider, status, headers, body).reason, status, body)


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    received = bytearray()
    while len(received) < _MAX_BODY and (piece := await content.readany()):
        received += piece
    return bytes(received)


def _judged(probe: Probe, kind: ProviderErrorKind, status: int, body: bytes) -> Verdict:
    if status == 402 or kind is Kind.RATE_LIMIT:  # noqa: PLR2004 - Payment Required
        return Verdict.NO_QUOTA
    if kind in {Kind.PERMISSION, Kind.BAD_REQUEST} and _SPENT.search(body):
        return Verdict.NO_QUOTA
    if kind is Kind.PERMISSION and _ALLOWED.search(body):
        return Verdict.VALID
    if kind in {Kind.AUTHENTICATION, Kind.PERMISSION}:
        return Verdict.INVALID
    if kind in {Kind.BAD_REQUEST, Kind.NOT_FOUND} and probe.asks_for_nothing:
        return Verdict.VALID
    return Verdict.INVALID if kind is Kind.BAD_REQUEST else Verdict.UNREACHABLE
