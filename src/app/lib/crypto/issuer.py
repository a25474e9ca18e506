"""Tokens of an outside issuer, checked with the keys it publishes."""

import ssl
from datetime import UTC, datetime
from typing import Any

import aiohttp
import anyio
import jwt
import msgspec

from app.lib.clock import Clock
from app.lib.crypto.tokens import SKEW, TokenRejected, check_times, checked_signature, decoded

_ALGORITHMS = ["RS256", "ES256", "EdDSA"]
_TYPES = {None, "JWT", "at+jwt", "application/at+jwt"}
"""Most issuers still call their access tokens just `JWT`; an `id_token` fails by its audience."""
_KEEP_SECONDS = 600.0
_ASK_SECONDS = 30.0
"""At most one question to the issuer in this time, however many bad tokens come."""
_ANSWER_SECONDS = 5.0
_MAX_ANSWER = 1024 * 1024
_MAX_SUBJECT = 255
_MAX_NAME = 200


class KeysUnavailable(Exception):
    """The issuer has not told us its keys, so no token of its can be judged."""


class OutsideClaims(msgspec.Struct, frozen=True):
    """What we believe of an outside token. Its roles and its address are not among it."""

    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    nbf: float = 0
    jti: str = ""
    name: Any = None
    auth_time: Any = None

    @property
    def proved_at(self) -> datetime | None:
        """When the user last signed in there; a token may have been renewed since without them."""
        try:
            return datetime.fromtimestamp(self.auth_time, UTC)
        except (TypeError, ValueError, OverflowError, OSError):
            return None

    @property
    def display_name(self) -> str:
        name = self.name if isinstance(self.name, str) else ""
        return "".join(character for character in name if character.isprintable())[:_MAX_NAME]


class OutsideIssuer:
    def __init__(self, *, jwks_url: str, issuer: str, audience: str, clock: Clock) -> None:
        self.issuer = issuer
        self._url = jwks_url
        self._audience = audience
        self._clock = clock
        self._jws = jwt.PyJWS(algorithms=_ALGORITHMS, options={"enforce_minimum_key_length": True})
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at: float | None = None
        self._told_at: float | None = None
        self._asking = anyio.Lock()

    async def verify(self, token: str) -> OutsideClaims:
        key = await self._key(_key_id(token))
        # The key knows its algorithm; what the token's header says must agree.
        header, payload = checked_signature(self._jws, token, key, [key.algorithm_name])
        if header.get("typ") not in _TYPES:
            raise TokenRejected("of another kind")
        claims = decoded(payload, OutsideClaims)
        audiences = [claims.aud] if isinstance(claims.aud, str) else claims.aud
        if claims.iss != self.issuer or self._audience not in audiences:
            raise TokenRejected("for someone else")
        if not 0 < len(claims.sub) <= _MAX_SUBJECT or not claims.sub.isprintable():
            raise TokenRejected("of nobody")
        check_times(claims.nbf, claims.exp, now=self._clock.now().timestamp(), skew=SKEW)
        return claims

    async def _key(self, key_id: str) -> jwt.PyJWK:
        if key_id not in self._keys or self._is_stale():
            async with self._asking:
                if (key_id not in self._keys or self._is_stale()) and self._may_ask():
                    await self._ask()
        if self._told_at is None:
            raise KeysUnavailable
        if key_id not in self._keys:
            raise TokenRejected("of an unknown key")
        return self._keys[key_id]

    def _is_stale(self) -> bool:
        """Keys that the issuer takes back must go from here too."""
        return self._told_at is None or self._clock.monotonic() - self._told_at > _KEEP_SECONDS

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock.monotonic() - self._asked_at >= _ASK_SECONDS

    async def _ask(self) -> None:
        """Learn the keys. While the issuer is away the ones it told last are good."""
        self._asked_at = self._clock.monotonic()
        timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as http,
                http.get(self._url, allow_redirects=False) as answer,
            ):
                keys = _usable(await _bounded(answer.content))
        except (aiohttp.ClientError, TimeoutError, ssl.SSLError, msgspec.MsgspecError, ValueError):
            return
        self._keys = keys
        self._told_at = self._clock.monotonic()


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    received = bytearray()
    async for part in content.iter_any():
        received += part
        if len(received) > _MAX_ANSWER:
            raise ValueError("too long for a set of keys")
    return bytes(received)


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


def _usable(answer: bytes) -> dict[str, jwt.PyJWK]:
    """Named public keys for signatures of a kind we take; an issuer may publish others beside them."""
    keys = {}
    for data in msgspec.json.decode(answer, type=_Jwks).keys:
        key_id = data.get("kid")
        if not isinstance(key_id, str) or data.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(data)
        except jwt.PyJWTError:
            continue
        if key.algorithm_name in _ALGORITHMS:
            keys[key_id] = key
    return keys


def _key_id(token: str) -> str:
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
    except (jwt.InvalidTokenError, ValueError) as error:
        raise TokenRejected(str(error)) from error
    if not isinstance(key_id, str):
        raise TokenRejected("names no key")
    return key_id
