"""Tickets: what a browser's `EventSource` comes in with."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import anyio
import httpx
import pytest
from sqlalchemy import func, select

from app.domain.accounts.models import Ticket
from app.domain.accounts.service import AccountService
from app.domain.accounts.service import tickets as rules
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.streams import Received, events_of, names, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import answer

CHAT = "/api/agents/chat/invoke"
PAGE = "https://app.example.com"


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire, clock: FixedClock) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake", "cors_origins": [PAGE]})
    async with live_server(settings, clock=clock, registry=Registry({"openai": own})) as running:
        yield running


@pytest.fixture
async def run_id(client: httpx.AsyncClient, chat_wire: ChatWire) -> str:
    """A run of `client`'s that has ended."""
    chat_wire.queue(answer("Hello dear world."))
    events = await streamed(client, CHAT, said("Hi"))
    return str(events[0].data["run_id"])


async def ticket(client: httpx.AsyncClient, run_id: str | None = None) -> str:
    response = await client.post("/api/tickets", json={"run_id": run_id})
    assert response.status_code == 201, response.text
    return str(response.json()["ticket"])


async def read(client: httpx.AsyncClient, run_id: str, value: str) -> httpx.Response:
    return await client.get(f"/api/runs/{run_id}/events", params={"ticket": value})


async def event_source(client: httpx.AsyncClient, url: str, *, hang_up_after: int = 10_000) -> list[Received]:
    """What a browser does: connect again with the last id for as long as it is let in and not told to stop."""
    seen: list[Received] = []
    while True:
        headers = {"Origin": PAGE, "Accept": "text/event-stream"}
        if seen:
            headers["Last-Event-ID"] = str(seen[-1].id)
        async with client.stream("GET", url, headers=headers, timeout=15) as response:
            if response.status_code == 204:
                return seen
            assert response.status_code == 200, await response.aread()
            assert response.headers["access-control-allow-origin"] == PAGE
            assert "access-control-allow-credentials" not in response.headers
            got = 0
            async for event in events_of(response):
                seen.append(event)
                got += 1
                if got == hang_up_after:
                    break


async def test_an_event_source_reads_a_run_to_its_end_and_then_stops(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One two three four five six seven eight nine ten."))
    started = await client.post(CHAT, json=said("Count"), headers={"Prefer": "respond-async"})
    run_id = started.json()["id"]

    seen = await event_source(
        anonymous, f"/api/runs/{run_id}/events?ticket={await ticket(client, run_id)}", hang_up_after=2
    )

    assert [event.id for event in seen] == list(range(1, len(seen) + 1))
    assert names(seen)[0] == "session_initialized"
    assert names(seen)[-1] == "completed"
    assert text(seen) == "One two three four five six seven eight nine ten."


async def test_a_ticket_reads_its_own_run_and_nothing_else(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, chat_wire: ChatWire, run_id: str
) -> None:
    chat_wire.queue(answer("Another one."))
    other = (await streamed(client, CHAT, said("Hi")))[0].data["run_id"]
    value = await ticket(client, run_id)

    assert (await read(anonymous, run_id, value)).status_code == 200
    refused = await read(anonymous, other, value)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_ticket")
    assert value not in refused.text
    for path in (f"/api/runs/{run_id}", "/api/runs", "/api/me", "/api/sessions"):
        elsewhere = await anonymous.get(path, params={"ticket": value})
        assert (elsewhere.status_code, elsewhere.json()["code"]) == (401, "not_authenticated")
    stop = await anonymous.post(f"/api/runs/{run_id}/cancel", params={"ticket": value})
    assert stop.status_code == 401


async def test_a_ticket_must_be_used_within_a_minute(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FixedClock, run_id: str
) -> None:
    in_time, late = await ticket(client, run_id), await ticket(client, run_id)

    clock.advance(59)
    assert (await read(anonymous, run_id, in_time)).status_code == 200
    clock.advance(2)

    assert (await read(anonymous, run_id, late)).status_code == 401
    assert (await read(anonymous, run_id, in_time)).status_code == 200


async def test_a_ticket_reads_until_five_minutes_after_the_runs_end(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FixedClock, run_id: str
) -> None:
    value = await ticket(client, run_id)
    assert (await read(anonymous, run_id, value)).status_code == 200

    clock.advance(299)
    assert (await read(anonymous, run_id, value)).status_code == 200
    clock.advance(2)

    assert (await read(anonymous, run_id, value)).json()["code"] == "invalid_ticket"


async def test_a_run_that_ended_long_ago_can_still_be_read_with_a_new_ticket(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, clock: FixedClock, run_id: str
) -> None:
    clock.advance(600)
    value = await ticket(client, run_id)

    assert (await read(anonymous, run_id, value)).status_code == 200
    clock.advance(61)
    assert (await read(anonymous, run_id, value)).status_code == 401


async def test_nobody_gets_a_ticket_for_someone_elses_run(
    anonymous: httpx.AsyncClient, sign_up: SignUp, run_id: str
) -> None:
    stranger = await sign_up()

    foreign = await stranger.post("/api/tickets", json={"run_id": run_id})
    missing = await stranger.post("/api/tickets", json={"run_id": str(uuid4())})
    unsigned = await anonymous.post("/api/tickets", json={"run_id": run_id})
    unread = await stranger.post("/api/tickets", json={"run_id": "all"})

    assert (foreign.status_code, foreign.json()["code"]) == (404, "run_not_found")
    assert {**foreign.json(), "request_id": ""} == {**missing.json(), "request_id": ""}
    assert unsigned.status_code == 401
    assert unread.json()["errors"][0]["pointer"] == "/run_id"


async def test_a_bearer_token_wins_over_a_ticket(client: httpx.AsyncClient, sign_up: SignUp, run_id: str) -> None:
    value = await ticket(client, run_id)
    stranger = await sign_up()

    assert (await read(stranger, run_id, value)).status_code == 404
    assert (await read(client, run_id, "nonsense")).status_code == 200


async def test_a_socket_ticket_reads_no_run(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, run_id: str
) -> None:
    assert (await read(anonymous, run_id, await ticket(client))).status_code == 401


async def test_tickets_end_with_the_login_they_came_from(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, run_id: str
) -> None:
    value = await ticket(client, run_id)
    assert (await read(anonymous, run_id, value)).status_code == 200

    await client.post("/api/access/logout")

    assert (await read(anonymous, run_id, value)).json()["code"] == "invalid_ticket"


async def test_a_disabled_users_open_reader_is_closed(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: Database, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Wait.", anyio.Event()))
    run_id = (await client.post(CHAT, json=said("Hi"), headers={"Prefer": "respond-async"})).json()["id"]
    user_id = UUID((await client.get("/api/me")).json()["id"])
    url = f"/api/runs/{run_id}/events?ticket={await ticket(client, run_id)}"

    async with anonymous.stream("GET", url, timeout=15) as response:
        events = events_of(response)
        await anext(events)
        async with db.writing() as db_session:
            await AccountService.open(db_session).disable(user_id)
        with anyio.fail_after(5):
            rest = [event async for event in events]

    assert "completed" not in names(rest)


async def test_the_database_holds_no_ticket_and_forgets_old_ones(
    client: httpx.AsyncClient, db: Database, clock: FixedClock
) -> None:
    value = await ticket(client)
    clock.advance(61)
    await ticket(client)

    async with db.reading() as db_session:
        digests = list(await db_session.scalars(select(Ticket.digest)))
    assert len(digests) == 1
    assert all(len(digest) == 32 and value.encode() not in digest for digest in digests)


async def test_a_user_keeps_the_newest_tickets(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, db: Database, clock: FixedClock, run_id: str
) -> None:
    first = await ticket(client, run_id)
    assert (await read(anonymous, run_id, first)).status_code == 200
    owner_id = UUID((await client.get("/api/me")).json()["id"])
    async with db.writing() as db_session:
        later = clock.now() + timedelta(seconds=61)
        db_session.add_all(
            Ticket(
                digest=uuid4().bytes * 2, owner_id=owner_id, family_id=None, run_id=None, use_by=later, expires_at=later
            )
            for _ in range(rules.MOST)
        )
    clock.advance(2)

    newest = await ticket(client, run_id)

    assert (await read(anonymous, run_id, first)).status_code == 401
    async with db.reading() as db_session:
        assert await db_session.scalar(select(func.count()).select_from(Ticket)) == rules.MOST
    assert newest
