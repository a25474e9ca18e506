"""Users who come with the token of an outside issuer."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import select

from app.domain.accounts.models import UserAccount
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.wires.issuer import AUDIENCE, ISSUER, FakeIssuer, ec_key

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(START)


@pytest.fixture
async def server(settings: Settings, issuer: FakeIssuer, clock: FixedClock) -> AsyncIterator[LiveServer]:
    outside = {"jwt_jwks_url": issuer.jwks_url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with live_server(settings.model_copy(update=outside), clock=clock) as running:
        yield running


def _claims(**claims: Any) -> dict[str, Any]:
    now = int(START.timestamp())
    return {"iss": ISSUER, "aud": [AUDIENCE, "another"], "sub": "u-1", "iat": now, "exp": now + 86_400, **claims}


async def _me(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.get("/api/me", headers={"Authorization": f"Bearer {token}"})


async def test_each_kind_of_key_is_taken(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    for kid in ("rsa", "ec", "ed"):
        response = await _me(anonymous, issuer.token(_claims(name="Ada"), kid=kid))

        assert (kid, response.status_code) == (kid, 200)
        assert response.json()["name"] == "Ada"
        assert response.json()["email"] is None


async def test_the_first_sight_makes_one_account_also_at_once(
    anonymous: httpx.AsyncClient, issuer: FakeIssuer, db: Database
) -> None:
    answers: list[httpx.Response] = []

    async def come(jti: str) -> None:
        answers.append(await _me(anonymous, issuer.token(_claims(jti=jti), kid="ed")))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(come, str(number))
    async with db.reading() as db_session:
        users = [*await db_session.scalars(select(UserAccount))]

    assert {answer.status_code for answer in answers} == {200}
    assert [(user.issuer, user.subject) for user in users] == [(ISSUER, "u-1")]
    assert issuer.asked == 1


async def test_an_address_in_a_token_is_never_an_account_here(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    account = {"email": "ada@example.com", "password": PASSWORD}
    own = (await anonymous.post("/api/access/signup", json=account)).json()

    claims = _claims(email="ada@example.com", email_verified=True)
    outside = (await _me(anonymous, issuer.token(claims))).json()

    assert outside["id"] != own["id"]


async def test_roles_in_a_token_are_not_believed(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    claims = _claims(role="admin", roles=["admin"], groups=["admin"], realm_access={"roles": ["admin"]})

    assert (await _me(anonymous, issuer.token(claims))).json()["role"] == "user"


async def test_our_own_tokens_work_beside_theirs(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    account = {"email": "ada@example.com", "password": PASSWORD}
    await anonymous.post("/api/access/signup", json=account)
    login = (await anonymous.post("/api/access/login", json=account)).json()

    assert (await _me(anonymous, login["access_token"])).status_code == 200
    assert issuer.asked == 0


async def test_bad_tokens_do_not_make_us_ask_the_issuer_again(
    anonymous: httpx.AsyncClient, issuer: FakeIssuer, clock: FixedClock
) -> None:
    await _me(anonymous, issuer.token(_claims()))
    issuer.keys["theirs"] = ec_key()
    forged = [issuer.token(_claims(), kid="theirs", headers={"kid": f"unknown-{number}"}) for number in range(20)]
    clock.advance(31)

    statuses = {(await _me(anonymous, token)).status_code for token in forged}

    assert statuses == {401}
    assert issuer.asked == 2


async def test_a_new_key_is_learned_and_a_withdrawn_one_forgotten(
    anonymous: httpx.AsyncClient, issuer: FakeIssuer, clock: FixedClock
) -> None:
    old = issuer.token(_claims(), kid="ec")
    assert (await _me(anonymous, old)).status_code == 200
    issuer.keys = {"new": ec_key()}
    clock.advance(31)

    assert (await _me(anonymous, issuer.token(_claims(), kid="new"))).status_code == 200
    assert (await _me(anonymous, old)).status_code == 401


async def test_a_withdrawn_key_is_good_for_ten_minutes_at_most(
    anonymous: httpx.AsyncClient, issuer: FakeIssuer, clock: FixedClock
) -> None:
    token = issuer.token(_claims(), kid="ec")
    assert (await _me(anonymous, token)).status_code == 200
    del issuer.keys["ec"]
    clock.advance(601)

    assert (await _me(anonymous, token)).status_code == 401


async def test_while_the_issuer_is_away_what_it_told_is_good(
    anonymous: httpx.AsyncClient, issuer: FakeIssuer, clock: FixedClock
) -> None:
    issuer.status = 503
    before = await _me(anonymous, issuer.token(_claims()))
    issuer.status = 200
    clock.advance(31)
    meanwhile = await _me(anonymous, issuer.token(_claims()))
    issuer.status = 503
    clock.advance(601)
    after = await _me(anonymous, issuer.token(_claims()))

    assert (before.status_code, before.json()["code"]) == (503, "issuer_unavailable")
    assert before.headers["retry-after"]
    assert [meanwhile.status_code, after.status_code] == [200, 200]


async def test_a_token_without_a_claim_we_need_is_refused(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    for missing in ("exp", "sub", "aud", "iss"):
        claims = {name: value for name, value in _claims().items() if name != missing}

        assert (missing, (await _me(anonymous, issuer.token(claims))).status_code) == (missing, 401)


async def test_a_strange_subject_is_nobody(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    for subject in ("", "x" * 256, "nul\0", "\ud800"):
        claims = _claims(sub=subject)

        assert (subject, (await _me(anonymous, issuer.token(claims))).status_code) == (subject, 401)


async def test_an_issuer_may_call_its_tokens_just_jwt(anonymous: httpx.AsyncClient, issuer: FakeIssuer) -> None:
    assert (await _me(anonymous, issuer.token(_claims(), headers={"typ": "JWT"}))).status_code == 200
