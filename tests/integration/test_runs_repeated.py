"""`Idempotency-Key`: the same start, said again, is the same run."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest
from sqlalchemy import select

from app.domain.runs.models import StartKey
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, SignUp, live_server
from tests.sockets import socket_of
from tests.streams import events_of, followed, names, read_all, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import answer

CHAT = "/api/agents/chat/invoke"
TODO = "/api/todos/agent-create/stream"
STREAM = {"Accept": "text/event-stream"}
KEY = {"Idempotency-Key": "6f1c-monday"}
ASYNC = {"Prefer": "respond-async"}
DAY = 24 * 60 * 60


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire, clock: FixedClock) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, clock=clock, registry=Registry({"openai": own})) as running:
        yield running


async def total(client: httpx.AsyncClient, what: str = "runs") -> int:
    return int((await client.get(f"/api/{what}")).json()["total"])


async def start(
    client: httpx.AsyncClient, body: dict[str, Any], path: str = CHAT, key: str = KEY["Idempotency-Key"]
) -> httpx.Response:
    return await client.post(path, json=body, headers={**ASYNC, "Idempotency-Key": key}, timeout=15)


async def test_a_start_said_again_streams_the_same_run_from_its_beginning(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Before ", held, "after."))
    body = said("go", session_id="s")
    async with client.stream("POST", CHAT, json=body, headers=STREAM | KEY) as response:
        first = response.headers["location"]
        async for event in events_of(response):
            if event.event == "message_delta":
                break

    async with client.stream("POST", CHAT, json=body, headers=STREAM | KEY, timeout=15) as again:
        assert again.status_code == 200
        held.set()
        events = await read_all(again)
    ended = await streamed_again(client, body)

    assert again.headers["location"] == first
    assert events[0].event == "session_initialized"
    assert text(events) == "Before after."
    assert ended == events
    assert (await total(client), len(chat_wire.requests)) == (1, 1)


async def streamed_again(client: httpx.AsyncClient, body: dict[str, Any]) -> Any:
    async with client.stream("POST", CHAT, json=body, headers=STREAM | KEY, timeout=15) as response:
        return await read_all(response)


async def test_a_start_said_again_is_answered_as_it_is_asked_for(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    begun = await start(client, said("go"))
    waited = await client.post(CHAT, json=said("go"), headers=KEY, timeout=15)
    again = await start(client, said("go"))

    assert (begun.status_code, waited.status_code, again.status_code) == (202, 200, 202)
    assert begun.headers["location"] == waited.headers["location"] == again.headers["location"]
    assert waited.json()["final_message"] == "You said: go"
    assert again.json() == waited.json()
    assert (await total(client), len(chat_wire.requests)) == (1, 1)


@pytest.mark.parametrize("path", [TODO, "/api/todos/agent-create", "/api/v1/chat/stream"])
async def test_every_route_that_starts_can_be_repeated(
    client: httpx.AsyncClient, chat_wire: ChatWire, path: str
) -> None:
    first = await client.post(path, json=said("go"), headers=KEY, timeout=15)
    again = await client.post(path, json=said("go"), headers=KEY, timeout=15)

    assert (first.status_code, again.status_code) == (200, 200)
    assert first.headers["location"] == again.headers["location"]
    assert first.text == again.text
    assert (await total(client), len(chat_wire.requests)) == (1, 1)


async def test_a_key_that_was_used_for_another_start_is_refused(client: httpx.AsyncClient) -> None:
    body = said("go", session_id="s")
    first = await client.post(TODO, json=body, headers=KEY, timeout=15)
    others = [
        (TODO, said("stop", session_id="s")),
        (TODO, said("go", session_id="t")),
        (TODO, said("go", session_id="s", on_disconnect="cancel")),
        ("/api/todos/agent-create", body),
        ("/api/agents/todo/invoke", body),
        (CHAT, body),
    ]

    refusals = [await start(client, other, path) for path, other in others]

    assert first.status_code == 200
    assert {(r.status_code, r.json()["code"]) for r in refusals} == {(422, "idempotency_key_reused")}
    assert await total(client) == 1


async def test_what_is_left_out_and_what_is_said_in_full_is_the_same_start(client: httpx.AsyncClient) -> None:
    agent = (await client.post("/api/agents", json={"name": "Own", "instructions": "Help."})).json()["id"]
    whole = {"on_disconnect": "continue", "include": [], "session_id": None, **said("go")}

    first = await start(client, said("go"), f"/api/agents/{agent}/invoke")
    again = await start(client, whole, f"/api/agents/{agent.upper()}/invoke")

    assert (first.status_code, again.status_code) == (202, 202), again.text
    assert first.headers["location"] == again.headers["location"]


async def test_of_twenty_parallel_starts_with_one_key_one_begins_and_the_others_attach(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    answers: list[str] = []

    async def stream() -> None:
        async with client.stream("POST", CHAT, json=said("go"), headers=STREAM | KEY, timeout=15) as response:
            assert response.status_code == 200, await response.aread()
            events = await read_all(response)
            assert text(events) == "You said: go"
            answers.append(response.headers["location"])

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(stream)

    assert len(answers) == 20
    assert len(set(answers)) == 1
    assert (await total(client), await total(client, "sessions"), len(chat_wire.requests)) == (1, 1, 1)


async def test_of_parallel_starts_with_one_key_and_other_bodies_one_begins(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    outcomes: list[tuple[int, str | None]] = []

    async def begin(number: int) -> None:
        answered = await start(client, said(f"go {number}"))
        outcomes.append((answered.status_code, answered.json().get("code")))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(begin, number)

    assert sorted(outcomes) == [(202, None), *[(422, "idempotency_key_reused")] * 9]
    assert await total(client) == 1


async def test_a_refused_start_leaves_its_key_free(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Wait ", held, "over."))
    busy = (await client.post(CHAT, json=said("first", session_id="s"), headers=ASYNC)).json()["id"]

    refused = await start(client, said("second", session_id="s"))
    unknown = await start(client, said("second", model="nobody/none"), key="other")
    held.set()
    await followed(client, busy)
    begun = await start(client, said("second", session_id="s"))
    corrected = await start(client, said("second", session_id="t"), key="other")

    assert (refused.status_code, refused.json()["code"]) == (409, "session_busy")
    assert unknown.status_code == 422
    assert (begun.status_code, corrected.status_code) == (202, 202)
    assert await total(client) == 3


async def test_two_users_may_choose_the_same_key(sign_up: SignUp) -> None:
    runs = [await start(await sign_up(), said("go")) for _ in range(2)]

    assert [run.status_code for run in runs] == [202, 202]
    assert runs[0].headers["location"] != runs[1].headers["location"]


@pytest.mark.parametrize("key", [b"", b"k" * 256, "schlüssel".encode(), b"a\tb"])
async def test_a_key_that_cannot_be_one_starts_nothing(client: httpx.AsyncClient, key: bytes) -> None:
    refused = await client.post(CHAT, json=said("go"), headers={b"Idempotency-Key": key})

    assert (refused.status_code, refused.json()["code"]) == (422, "bad_idempotency_key")
    assert await total(client) == 0


async def test_a_key_is_forgotten_after_a_day(
    server: LiveServer, client: httpx.AsyncClient, db: Database, clock: FixedClock
) -> None:
    email, user = f"{uuid4().hex}@example.com", {"password": PASSWORD}
    (await client.post("/api/access/signup", json={"email": email, **user})).raise_for_status()

    async def signed_in() -> dict[str, str]:
        token = (await client.post("/api/access/login", json={"email": email, **user})).json()["access_token"]
        return {"Authorization": f"Bearer {token}", **ASYNC}

    places = []
    for key, seconds in (("a", 0), ("b", 0), ("a", DAY - 1), ("a", 1)):
        clock.advance(seconds)
        headers = {**await signed_in(), "Idempotency-Key": key}
        places.append((await client.post(CHAT, json=said("go"), headers=headers)).headers["location"])

    assert places[0] == places[2] != places[3]
    async with db.reading() as db_session:
        assert (await db_session.scalars(select(StartKey.key))).all() == ["a"]


async def test_deleting_the_session_frees_the_key(client: httpx.AsyncClient, db: Database) -> None:
    first = await client.post(CHAT, json=said("go", session_id="s"), headers=KEY, timeout=15)
    assert (await client.delete("/api/sessions/s")).status_code == 204
    async with db.reading() as db_session:
        left = (await db_session.scalars(select(StartKey.key))).all()

    again = await start(client, said("go", session_id="s"))

    assert left == []
    assert again.status_code == 202
    assert again.headers["location"] != first.headers["location"]


async def test_a_socket_and_a_request_share_a_key(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    first = await start(client, said("go"))

    async with socket_of(client) as socket:
        again = await socket.ok("invoke", agent="chat", body=said("go"), idempotency_key=KEY["Idempotency-Key"])
        seen = await socket.end_of(again["id"])
        refusal = await socket.refusal("invoke", agent="chat", body=said("no"), idempotency_key=KEY["Idempotency-Key"])

    assert first.json()["id"] == again["id"]
    assert seen[0]["event"] == "session_initialized"
    assert refusal == "idempotency_key_reused"
    assert (await total(client), len(chat_wire.requests)) == (1, 1)


async def test_without_a_key_every_start_is_another(client: httpx.AsyncClient) -> None:
    runs = [await streamed(client, CHAT, said("go")) for _ in range(2)]

    assert all(names(events)[-1] == "completed" for events in runs)
    assert await total(client) == 2
