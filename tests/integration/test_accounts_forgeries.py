"""Twelve forgeries, of our own tokens and of an outside issuer's, each answered 401."""

import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from app.lib.crypto.tokens import AUDIENCE as OUR_AUDIENCE
from app.lib.crypto.tokens import ISSUER as OUR_ISSUER
from app.lib.crypto.tokens import RefreshTokens, derived
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.wires.issuer import AUDIENCE, ISSUER, FakeIssuer, b64, ec_key, fake_issuer, hmac_signed, unsigned

SECRET = secrets.token_urlsafe(48)
Claims = dict[str, Any]


@dataclass
class Pen:
    """Signs as the true issuer would, so that a forgery differs from a good token in one thing only."""

    header: Claims
    claims: Claims
    sign: Callable[[Claims, Claims], str]
    issuer: FakeIssuer
    refresh_token: str

    def write(self, header: Claims | None = None, **claims: Any) -> str:
        return self.sign({**self.header, **(header or {})}, {**self.claims, **claims})


def _without_signature(pen: Pen) -> str:
    return unsigned({**pen.header, "alg": "none"}, pen.claims) + "."


def _public_key_as_secret(pen: Pen) -> str:
    return hmac_signed({**pen.header, "alg": "HS256", "kid": "rsa"}, pen.claims, pen.issuer.public_pem("rsa"))


def _another_key(pen: Pen) -> str:
    if pen.header["alg"] == "HS256":
        return hmac_signed(pen.header, pen.claims, secrets.token_bytes(32))
    return jwt.encode(pen.claims, ec_key(), "ES256", {**pen.header, "alg": "ES256", "kid": "ec"})


FORGERIES: dict[str, Callable[[Pen], str]] = {
    "none": _without_signature,
    "RS to HS": _public_key_as_secret,
    "crit": lambda pen: pen.write({"crit": ["b64"], "b64": True}),
    "aud": lambda pen: pen.write(aud="someone-else"),
    "iss": lambda pen: pen.write(iss="https://someone.else"),
    "kid": lambda pen: pen.write({"kid": "../../dev/null"}),
    "typ": lambda pen: pen.write({"typ": "logout+jwt"}),
    "expired": lambda pen: pen.write(exp=int(time.time()) - 1),
    "not yet valid": lambda pen: pen.write(nbf=int(time.time()) + 3600),
    "refresh as access": lambda pen: pen.refresh_token,
    "another key": _another_key,
    "garbage": lambda _: f"{b64(b'[' * 3000)}.{b64(b'{' * 2000)}.e30",
}


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[FakeIssuer]:
    async with fake_issuer() as running:
        yield running


@pytest.fixture(scope="module", params=["alone", "beside an outside issuer"])
async def server(
    request: pytest.FixtureRequest, issuer: FakeIssuer, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LiveServer]:
    folder = tmp_path_factory.mktemp("forgeries")
    shutil.copy(sqlite_template, folder / "headgate.db")
    outside = {"jwt_jwks_url": issuer.jwks_url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    options = outside if request.param != "alone" else {}
    async with live_server(Settings(data_dir=folder, jwt_secret=SECRET, **options)) as running:  # type: ignore[arg-type]
        yield running


@pytest.fixture(scope="module")
async def own_pen(server: LiveServer, issuer: FakeIssuer) -> Pen:
    async with httpx.AsyncClient(base_url=server.url) as client:
        account = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
        await client.post("/api/access/signup", json=account)
        tokens = (await client.post("/api/access/login", json=account)).json()
    good = jwt.decode_complete(tokens["access_token"], options={"verify_signature": False})

    def sign(header: Claims, claims: Claims) -> str:
        return hmac_signed(header, claims, derived(SECRET, "access tokens"))

    return Pen(good["header"], good["payload"], sign, issuer, tokens["refresh_token"])


@pytest.fixture
def outside_pen(issuer: FakeIssuer) -> Pen:
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "forged", "iat": now, "nbf": now, "exp": now + 600, "jti": "1"}

    def sign(header: Claims, claims: Claims) -> str:
        return jwt.encode(claims, issuer.keys["rsa"], "RS256", header)

    header = {"alg": "RS256", "kid": "rsa", "typ": "at+jwt"}
    return Pen(header, claims, sign, issuer, RefreshTokens("other").new())


async def _status(server: LiveServer, token: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=server.url) as client:
        return await client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


def test_there_are_twelve() -> None:
    assert len(FORGERIES) == 12


async def test_the_pen_writes_what_we_write(server: LiveServer, own_pen: Pen) -> None:
    assert (own_pen.claims["iss"], own_pen.claims["aud"]) == (OUR_ISSUER, OUR_AUDIENCE)
    assert {"jti", "sub", "sid", "iat", "nbf", "exp"} < set(own_pen.claims)
    assert own_pen.header["typ"] == "at+jwt"
    assert (await _status(server, own_pen.write())).status_code == 200


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_of_our_own_token_is_refused(server: LiveServer, own_pen: Pen, forgery: str) -> None:
    response = await _status(server, FORGERIES[forgery](own_pen))

    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == ("token_expired" if forgery == "expired" else "invalid_token")


async def test_an_outside_token_is_good_only_where_its_issuer_is_known(server: LiveServer, outside_pen: Pen) -> None:
    response = await _status(server, outside_pen.write())

    assert response.status_code == (200 if server.settings.jwt_issuer else 401)


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forgery_of_an_outside_token_is_refused(server: LiveServer, outside_pen: Pen, forgery: str) -> None:
    response = await _status(server, FORGERIES[forgery](outside_pen))

    assert response.status_code == 401
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("kid", ["oct", "enc"])
async def test_a_published_key_of_another_use_signs_nothing(server: LiveServer, outside_pen: Pen, kid: str) -> None:
    shared = hmac_signed({**outside_pen.header, "alg": "HS256", "kid": kid}, outside_pen.claims, b"k" * 32)
    encrypting = outside_pen.write({"kid": kid})

    assert (await _status(server, shared)).status_code == 401
    assert (await _status(server, encrypting)).status_code == 401
