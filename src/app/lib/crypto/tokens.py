"""Our own tokens: short-lived signed ones to call with, and opaque ones to get the next from."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import jwt
import msgspec

from app.lib.clock import Clock

ISSUER = "urn:headgate"
AUDIENCE = "urn:headgate:api"
TYPE = "at+jwt"
"""RFC 9068: a token of another kind, signed with the same key, is not an access token."""
_ALGORITHM = "HS256"
_MAX_TOKEN = 8192
SKEW = 5
"""Seconds that two machines' clocks may differ by."""


class TokenRejected(Exception):
    """Not a token we may believe. Why is for our log, not for the caller."""


class TokenOutdated(TokenRejected):
    """It was good once."""


class AccessClaims(msgspec.Struct, frozen=True):
    iss: str
    aud: str
    sub: UUID
    sid: UUID
    """The login it belongs to."""
    jti: str
    iat: int
    nbf: int
    exp: int


class AccessTokens:
    """Issues and verifies with one secret and one algorithm. Everything else about a token is its sender's claim."""

    def __init__(self, secret: str, *, clock: Clock, lifetime: timedelta = timedelta(minutes=15)) -> None:
        self._key = derived(secret, "access tokens")
        self._key_id = derived(secret, "access key id").hex()[:16]
        self._clock = clock
        self.lifetime = lifetime
        self._jws = jwt.PyJWS(algorithms=[_ALGORITHM])

    def issue(self, user_id: UUID, family_id: UUID) -> str:
        now = int(self._clock.now().timestamp())
        claims = AccessClaims(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=user_id,
            sid=family_id,
            jti=uuid4().hex,
            iat=now,
            nbf=now,
            exp=now + int(self.lifetime.total_seconds()),
        )
        headers = {"typ": TYPE, "kid": self._key_id}
        return self._jws.encode(msgspec.json.encode(claims), self._key, _ALGORITHM, headers)

    def verify(self, token: str) -> AccessClaims:
        header, payload = checked_signature(self._jws, token, self._key, [_ALGORITHM])
        if header.get("typ") != TYPE or header.get("kid") != self._key_id:
            raise TokenRejected("of another kind or key")
        claims = decoded(payload, AccessClaims)
        if claims.iss != ISSUER or claims.aud != AUDIENCE:
            raise TokenRejected("for someone else")
        check_times(claims.nbf, claims.exp, now=self._clock.now().timestamp(), skew=SKEW)
        return claims


class RefreshTokens:
    """Opaque. Each decides its successor, so that a repeated request is answered alike and no answer is stored."""

    _PREFIX = "hgr_"

    def __init__(self, secret: str) -> None:
        self._key = derived(secret, "refresh successors")

    def new(self) -> str:
        return self._PREFIX + secrets.token_urlsafe(32)

    def successor(self, token: str) -> str:
        """Cannot be told from the token without the server's secret."""
        return self._PREFIX + hmac.new(self._key, token.encode(), hashlib.sha256).hexdigest()

    @staticmethod
    def digest(token: str) -> bytes:
        return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def derived(secret: str, purpose: str) -> bytes:
    """A key of its own for every purpose of one secret."""
    return hmac.new(secret.encode(), f"headgate: {purpose}".encode(), hashlib.sha256).digest()


def unverified_issuer(token: str) -> str:
    """Who a token says it is from: only good for choosing which check it must pass."""
    try:
        payload = token[:_MAX_TOKEN].split(".")[1]
        return msgspec.json.decode(jwt.utils.base64url_decode(payload), type=_Issued).iss
    except (IndexError, ValueError, RecursionError, msgspec.MsgspecError):
        return ""


class _Issued(msgspec.Struct):
    iss: str


def checked_signature(jws: jwt.PyJWS, token: str, key: Any, algorithms: list[str]) -> tuple[dict[str, Any], bytes]:
    """The header and payload of a token that `key` signed. The caller, never the header, names the algorithm."""
    if len(token) > _MAX_TOKEN:
        raise TokenRejected("too long")
    try:
        parts = jws.decode_complete(token, key, algorithms)
    except (jwt.InvalidTokenError, ValueError, TypeError) as error:
        raise TokenRejected(str(error)) from error
    header: dict[str, Any] = parts["header"]
    if "crit" in header:
        raise TokenRejected("demands an extension")
    return header, parts["payload"]


def decoded[Claims](payload: bytes, claims: type[Claims]) -> Claims:
    try:
        return msgspec.json.decode(payload, type=claims)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise TokenRejected(str(error)) from error


def check_times(not_before: float, expires: float, *, now: float, skew: float) -> None:
    if not_before > now + skew:
        raise TokenRejected("not valid yet")
    if expires <= now:
        raise TokenOutdated("expired")
