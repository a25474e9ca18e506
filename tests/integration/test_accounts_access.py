"""Logins over HTTP: what they give, how they go on, and how they end."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from app.domain.accounts.models import RefreshToken
from app.domain.accounts.service import AccountService
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server

ADA = {"email": "ada@example.com", "password": PASSWORD}
Tokens = dict[str, Any]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def server(settings: Settings, clock: FixedClock) -> AsyncIterator[LiveServer]:
    async with live_server(settings, clock=clock) as running:
        yield running


@pytest.fixture
async def ada(anonymous: httpx.AsyncClient) -> Tokens:
    """Signed up and logged in, outside a browser."""
    await anonymous.post("/api/access/signup", json=ADA)
    return await _login(anonymous)


async def _login(client: httpx.AsyncClient) -> Tokens:
    response = await client.post("/api/access/login", json=ADA)
    assert response.status_code == 200
    return dict(response.json())


async def _refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/access/refresh", json={"refresh_token": token})


async def _me(client: httpx.AsyncClient, tokens: Tokens) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return (await client.get("/api/me", headers=headers)).status_code


async def test_a_login_gives_both_tokens_in_the_body(anonymous: httpx.AsyncClient, ada: Tokens) -> None:
    assert ada["token_type"] == "bearer"
    assert ada["expires_in"] == 900
    assert ada["user"]["email"] == ADA["email"]
    assert ada["refresh_token"]
    assert not anonymous.cookies
    assert await _me(anonymous, ada) == 200


async def test_an_access_token_lives_a_quarter_of_an_hour(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    clock.advance(899)
    assert await _me(anonymous, ada) == 200

    clock.advance(1)
    assert await _me(anonymous, ada) == 401


async def test_refreshing_gives_new_tokens_and_uses_up_the_old(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    clock.advance(900)

    renewed = (await _refresh(anonymous, ada["refresh_token"])).json()

    assert renewed["refresh_token"] != ada["refresh_token"]
    assert await _me(anonymous, renewed) == 200


async def test_within_the_grace_a_used_token_gets_the_same_answer(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    first = (await _refresh(anonymous, ada["refresh_token"])).json()
    clock.advance(30)
    second = (await _refresh(anonymous, ada["refresh_token"])).json()

    assert second["refresh_token"] == first["refresh_token"]
    assert await _me(anonymous, second) == 200


async def test_after_the_grace_a_used_token_ends_the_whole_family(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    other = await _login(anonymous)
    first = (await _refresh(anonymous, ada["refresh_token"])).json()
    clock.advance(31)

    reused = await _refresh(anonymous, ada["refresh_token"])
    successor = await _refresh(anonymous, first["refresh_token"])
    clock.advance(2)

    assert reused.status_code == 401
    assert reused.json()["code"] == "invalid_refresh_token"
    assert successor.status_code == 401
    assert await _me(anonymous, first) == 401
    assert await _me(anonymous, other) == 200


async def test_parallel_refreshes_agree_on_one_successor(
    anonymous: httpx.AsyncClient, ada: Tokens, db: Database
) -> None:
    answers: list[httpx.Response] = []

    async def refresh() -> None:
        answers.append(await _refresh(anonymous, ada["refresh_token"]))

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(refresh)
    async with db.reading() as db_session:
        stored = await db_session.scalar(select(func.count()).select_from(RefreshToken))

    assert [answer.status_code for answer in answers] == [200] * 12
    assert len({answer.json()["refresh_token"] for answer in answers}) == 1
    assert stored == 2


async def test_only_digests_of_refresh_tokens_are_stored(ada: Tokens, db: Database) -> None:
    async with db.reading() as db_session:
        row = (await db_session.scalars(select(RefreshToken))).one()

    assert len(row.digest) == 32
    assert ada["refresh_token"].encode() not in row.digest


async def test_a_refresh_token_lapses_after_thirty_days_of_rest(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    clock.advance(29 * 86_400)
    renewed = (await _refresh(anonymous, ada["refresh_token"])).json()
    clock.advance(30 * 86_400)

    assert (await _refresh(anonymous, renewed["refresh_token"])).status_code == 401


async def test_an_unknown_refresh_token_is_refused(anonymous: httpx.AsyncClient) -> None:
    for token in ("", "hgr_unknown", "é", "\0", "x" * 10_000):
        assert (await _refresh(anonymous, token)).status_code in {401, 422}


async def test_a_refresh_without_any_token_is_refused(anonymous: httpx.AsyncClient) -> None:
    bare = await anonymous.post("/api/access/refresh")
    empty = await anonymous.post("/api/access/refresh", json={})

    assert [bare.status_code, empty.status_code] == [401, 401]


async def test_logging_out_ends_the_login_and_no_other(anonymous: httpx.AsyncClient, ada: Tokens) -> None:
    other = await _login(anonymous)

    left = await anonymous.post("/api/access/logout", headers={"Authorization": f"Bearer {ada['access_token']}"})

    assert left.status_code == 204
    assert await _me(anonymous, ada) == 401
    assert (await _refresh(anonymous, ada["refresh_token"])).status_code == 401
    assert await _me(anonymous, other) == 200


async def test_a_refresh_token_is_enough_to_log_out(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    clock.advance(1000)
    body = {"refresh_token": ada["refresh_token"]}

    expired = {"Authorization": f"Bearer {ada['access_token']}"}
    left = await anonymous.post("/api/access/logout", json=body, headers=expired)
    again = await anonymous.post("/api/access/logout", json=body)
    nobody = await anonymous.post("/api/access/logout")

    assert [left.status_code, again.status_code, nobody.status_code] == [204, 204, 401]
    assert (await _refresh(anonymous, ada["refresh_token"])).status_code == 401


async def test_another_process_notices_a_logout_within_two_seconds(
    anonymous: httpx.AsyncClient, ada: Tokens, settings: Settings, clock: FixedClock
) -> None:
    async with (
        live_server(settings, clock=clock) as other_process,
        httpx.AsyncClient(base_url=other_process.url) as other,
    ):
        assert await _me(other, ada) == 200

        await anonymous.post("/api/access/logout", headers={"Authorization": f"Bearer {ada['access_token']}"})
        clock.advance(2)

        assert await _me(other, ada) == 401


async def test_a_disabled_user_is_out_and_stays_out(
    server: LiveServer, anonymous: httpx.AsyncClient, ada: Tokens, db: Database, clock: FixedClock
) -> None:
    authenticator = server.app.state.authenticator
    principal = await authenticator.authenticate(ada["access_token"])
    assert await authenticator.no_longer_valid([principal]) == []

    async with db.writing() as db_session:
        await AccountService.open(db_session).disable(UUID(ada["user"]["id"]))
    clock.advance(2)

    assert await authenticator.no_longer_valid([principal]) == [principal]
    assert await _me(anonymous, ada) == 401
    assert (await _refresh(anonymous, ada["refresh_token"])).status_code == 401
    refused = await anonymous.post("/api/access/login", json=ADA)
    assert refused.status_code == 403
    assert refused.json()["code"] == "account_disabled"


async def test_an_open_reader_outlives_its_tokens_expiry(server: LiveServer, ada: Tokens, clock: FixedClock) -> None:
    authenticator = server.app.state.authenticator
    principal = await authenticator.authenticate(ada["access_token"])

    clock.advance(5000)

    assert await authenticator.no_longer_valid([principal]) == []


async def test_only_the_login_that_ended_is_told_to_go(
    server: LiveServer, anonymous: httpx.AsyncClient, ada: Tokens
) -> None:
    authenticator = server.app.state.authenticator
    again = (await anonymous.post("/api/access/login", json=ADA)).json()
    first, second = [await authenticator.authenticate(tokens["access_token"]) for tokens in (ada, again)]
    outsider = msgspec.structs.replace(first, family_id=None)
    stranger = msgspec.structs.replace(first, user_id=uuid4())

    await anonymous.post("/api/access/logout", headers={"Authorization": f"Bearer {ada['access_token']}"})

    assert await authenticator.no_longer_valid([first, second, outsider, stranger]) == [first, stranger]


async def test_a_changed_password_ends_the_other_logins(
    anonymous: httpx.AsyncClient, ada: Tokens, clock: FixedClock
) -> None:
    other = await _login(anonymous)
    headers = {"Authorization": f"Bearer {ada['access_token']}"}
    new = "another battery, another horse"

    wrong = await anonymous.post(
        "/api/access/password", headers=headers, json={"current_password": "wrong", "new_password": new}
    )
    changed = await anonymous.post(
        "/api/access/password", headers=headers, json={"current_password": PASSWORD, "new_password": new}
    )
    clock.advance(2)

    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_password")
    assert changed.status_code == 204
    assert await _me(anonymous, ada) == 200
    assert await _me(anonymous, other) == 401
    assert (await anonymous.post("/api/access/login", json=ADA)).status_code == 401
    assert (await anonymous.post("/api/access/login", json={**ADA, "password": new})).status_code == 200


async def test_changing_a_password_needs_an_access_token(anonymous: httpx.AsyncClient) -> None:
    body = {"current_password": PASSWORD, "new_password": "another battery, another horse"}

    assert (await anonymous.post("/api/access/password", json=body)).status_code == 401
