"""Showing a value: to whom, how often, after which proof, and that it is told of."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from app.lib.clock import FixedClock
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.owners import KEY, ON_SQLITE, People, Person, with_vault
from tests.wires.chat import ChatWire
from tests.wires.issuer import AUDIENCE, ISSUER, FakeIssuer

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def server(settings: Settings, issuer: FakeIssuer, clock: FixedClock) -> AsyncIterator[LiveServer]:
    outside = {"jwt_jwks_url": issuer.jwks_url, "jwt_issuer": ISSUER, "jwt_audience": AUDIENCE}
    async with live_server(with_vault(settings, **outside), clock=clock) as running:
        yield running


@pytest.fixture
async def ada(server: LiveServer) -> AsyncIterator[Person]:
    async with AsyncExitStack() as stack:
        yield await People(server, stack).new()


@pytest.fixture
async def address(ada: Person, chat_wire: ChatWire) -> str:
    return f"/api/secrets/{await ada.stores(chat_wire.url)}"


async def reveal(person: Person, address: str, password: str | None = None) -> httpx.Response:
    return await person.client.post(f"{address}/reveal", json={"password": password} if password else {})


async def trail(person: Person, address: str) -> list[tuple[str, str]]:
    entries = (await person.client.get(f"{address}/audit")).json()["items"]
    return [(entry["action"], entry["detail"]) for entry in entries if entry["action"] in {"reveal", "refuse"}]


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


@ON_SQLITE
async def test_the_owner_sees_the_value_after_their_password(ada: Person, address: str) -> None:
    shown = await reveal(ada, address, PASSWORD)

    assert shown.json() == {"value": KEY, "session_token": None, "version": 1}
    assert shown.headers["cache-control"] == "no-store"
    assert [action for action, _ in await trail(ada, address)] == ["reveal"]


@ON_SQLITE
async def test_without_a_password_nothing_is_shown_and_that_is_told(ada: Person, address: str) -> None:
    refused = await reveal(ada, address)

    assert code(refused) == (403, "reauthentication_required")
    assert await trail(ada, address) == [("refuse", "reveal: reauthentication_required")]


@ON_SQLITE
async def test_a_password_counts_for_five_minutes_in_its_login(
    ada: Person, address: str, clock: FixedClock, server: LiveServer
) -> None:
    await reveal(ada, address, PASSWORD)
    clock.advance(299)
    within = await reveal(ada, address)
    clock.advance(2)
    after = await reveal(ada, address)

    assert (within.status_code, code(after)) == (200, (403, "reauthentication_required"))


@ON_SQLITE
async def test_another_login_proves_itself(ada: Person, address: str) -> None:
    await reveal(ada, address, PASSWORD)
    await ada.comes_in()

    assert code(await reveal(ada, address)) == (403, "reauthentication_required")


@ON_SQLITE
async def test_a_wrong_password_is_told_and_tries_are_limited(ada: Person, address: str) -> None:
    answers = [code(await reveal(ada, address, "not it, I fear")) for _ in range(11)]

    assert answers == [(422, "wrong_password")] * 10 + [(429, "too_many_tries")]
    assert await trail(ada, address) == [
        ("refuse", "reveal: too_many_tries"),
        *[("refuse", "reveal: wrong_password")] * 10,
    ]


async def test_five_are_shown_in_an_hour_also_at_once(ada: Person, address: str, clock: FixedClock) -> None:
    answers: list[httpx.Response] = []
    await reveal(ada, address, PASSWORD)

    async def ask() -> None:
        answers.append(await reveal(ada, address))

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask)
    clock.advance(3601)
    await ada.comes_in()
    later = await reveal(ada, address, PASSWORD)

    refused = [answer for answer in answers if answer.status_code != 200]
    assert len(refused) == 16
    assert {code(answer) for answer in refused} == {(429, "reveal_limited")}
    assert 0 < int(refused[0].headers["retry-after"]) <= 3600
    assert later.status_code == 200
    told = await trail(ada, address)
    assert [action for action, _ in told].count("reveal") == 6
    assert [action for action, _ in told].count("refuse") == 16


@ON_SQLITE
async def test_the_hour_slides(ada: Person, address: str, clock: FixedClock) -> None:
    for _ in range(5):
        await reveal(ada, address, PASSWORD)
        clock.advance(600)
        await ada.comes_in()

    before = await reveal(ada, address, PASSWORD)
    clock.advance(601)
    one_more = await reveal(ada, address, PASSWORD)
    no_other = await reveal(ada, address)

    assert [answer.status_code for answer in (before, one_more, no_other)] == [429, 200, 429]


@ON_SQLITE
async def test_nobody_else_is_shown_anything(server: LiveServer, address: str, ada: Person) -> None:
    async with AsyncExitStack() as stack:
        bob = await People(server, stack).new()
        answers = [await reveal(bob, address, password) for password in (PASSWORD, "not it, I fear", None)]

    assert [code(answer) for answer in answers] == [(404, "secret_not_found")] * 3
    assert await trail(ada, address) == []


@ON_SQLITE
async def test_an_outside_user_has_signed_in_there_within_five_minutes(
    server: LiveServer, issuer: FakeIssuer, chat_wire: ChatWire
) -> None:
    now = int(NOW.timestamp())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "u-1", "iat": now, "exp": now + 3600}
    times: list[Any] = [now - 10, now - 299, now + 3, now - 301, now + 60, None, "soon", 1e300]
    statuses = []
    async with httpx.AsyncClient(base_url=server.url) as client:
        client.headers["Authorization"] = f"Bearer {issuer.token(claims)}"
        eve = Person((await client.get("/api/me")).json()["id"], client)
        address = f"/api/secrets/{await eve.stores(chat_wire.url)}"
        for auth_time in times:
            client.headers["Authorization"] = f"Bearer {issuer.token({**claims, 'auth_time': auth_time})}"
            statuses.append((await reveal(eve, address)).status_code)
        with_password = await reveal(eve, address, "a password of theirs")

    assert statuses == [200] * 3 + [403] * 5
    assert code(with_password) == (403, "reauthentication_required")
