"""What makes a token of ours good."""

import secrets
from datetime import UTC, datetime
from uuid import uuid4

import jwt
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lib.clock import FixedClock
from app.lib.crypto.tokens import (
    AccessTokens,
    RefreshTokens,
    TokenOutdated,
    TokenRejected,
    derived,
    unverified_issuer,
)
from tests.wires.issuer import b64, hmac_signed

SECRET = secrets.token_urlsafe(48)
CLOCK = FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
USER, FAMILY = uuid4(), uuid4()


@pytest.fixture
def tokens() -> AccessTokens:
    return AccessTokens(SECRET, clock=CLOCK)


def test_a_token_says_whose_it_is_and_which_it_is(tokens: AccessTokens) -> None:
    claims = tokens.verify(tokens.issue(USER, FAMILY))

    assert (claims.sub, claims.sid) == (USER, FAMILY)
    assert claims.exp - claims.iat == 900
    assert claims.jti != tokens.verify(tokens.issue(USER, FAMILY)).jti


@pytest.mark.parametrize(
    ("header", "changed", "why"),
    [
        ({}, {}, None),
        ({"alg": "HS512"}, {}, "alg value is not allowed"),
        ({"typ": "JWT"}, {}, "another kind"),
        ({"kid": "other"}, {}, "another kind or key"),
        ({"kid": 1}, {}, "must be a string"),
        ({"crit": ["b64"], "b64": True}, {}, "demands an extension"),
        ({"crit": ["exp"]}, {}, "Unsupported critical"),
        ({}, {"iss": "other"}, "someone else"),
        ({}, {"aud": "other"}, "someone else"),
        ({}, {"aud": ["urn:headgate:api"]}, "Expected `str`"),
        ({}, {"sub": "ada"}, "Invalid UUID"),
        ({}, {"exp": None}, "Expected `int`"),
        ({}, {"nbf": 4_000_000_000}, "not valid yet"),
        ({}, {"exp": int(CLOCK.now().timestamp())}, "expired"),
    ],
)
def test_one_thing_wrong_is_enough(
    tokens: AccessTokens, header: dict[str, object], changed: dict[str, object], why: str | None
) -> None:
    good = jwt.decode_complete(tokens.issue(USER, FAMILY), options={"verify_signature": False})

    token = hmac_signed({**good["header"], **header}, {**good["payload"], **changed}, derived(SECRET, "access tokens"))

    if why is None:
        assert tokens.verify(token).sub == USER
    else:
        with pytest.raises(TokenRejected, match=why):
            tokens.verify(token)


def test_an_expired_token_is_told_apart(tokens: AccessTokens) -> None:
    clock = FixedClock(CLOCK.now())
    token = AccessTokens(SECRET, clock=clock).issue(USER, FAMILY)
    clock.advance(900)

    with pytest.raises(TokenOutdated):
        AccessTokens(SECRET, clock=clock).verify(token)


def test_a_signature_over_deep_nonsense_is_still_rejected(tokens: AccessTokens) -> None:
    jws = jwt.PyJWS()
    header = {"typ": "at+jwt", "kid": derived(SECRET, "access key id").hex()[:16]}
    deep = jws.encode(b'{"iss":' + b"[" * 3000, derived(SECRET, "access tokens"), "HS256", header)

    with pytest.raises(TokenRejected):
        tokens.verify(deep)
    assert unverified_issuer(deep) == ""


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}\.[A-Za-z0-9_-]{0,60}"))
def test_nonsense_is_rejected_and_never_crashes(text: str) -> None:
    assert isinstance(unverified_issuer(text), str)
    with pytest.raises(TokenRejected):
        AccessTokens(SECRET, clock=CLOCK).verify(text)


def test_the_issuer_is_read_before_anything_is_believed() -> None:
    payload = b64(msgspec.json.encode({"iss": "https://issuer.example"}))

    assert unverified_issuer(f"x.{payload}.x") == "https://issuer.example"


def test_a_successor_is_always_the_same_and_needs_the_secret() -> None:
    refresh_tokens = RefreshTokens(SECRET)
    token = refresh_tokens.new()

    assert refresh_tokens.successor(token) == refresh_tokens.successor(token) != token
    assert RefreshTokens("another" * 8).successor(token) != refresh_tokens.successor(token)
    assert refresh_tokens.new() != token


def test_keys_for_different_purposes_differ() -> None:
    assert derived(SECRET, "one") != derived(SECRET, "other")
