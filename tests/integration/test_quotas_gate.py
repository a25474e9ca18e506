"""The gate before every start: what it lets through, and what a refusal says, on every route."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import anyio
import httpx
import pytest

from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, SignUp, live_server
from tests.limits import id_of, months, promote, usage
from tests.sockets import socket_of
from tests.streams import Parser, names, said, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

CHAT = "/api/agents/chat/invoke"
STREAMS = ["/api/todos/agent-create/stream", "/api/v1/chat/stream"]
LATER = {"Prefer": "respond-async"}
LIMITS = {"rate_limit_per_minute": 3, "max_concurrent_runs": 2, "monthly_requests": 4}
ADA = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
FIELDS = {
    "message", "kind", "current_usage", "monthly_limit", "remaining_quota", "reset_date", "retry_after",
}  # fmt: skip


@pytest.fixture
def clock() -> FixedClock:
    """Time that stands in the middle of a minute and of a leap year's February."""
    return FixedClock(datetime(2028, 2, 28, 12, 0, 30, tzinfo=UTC))


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"default_model": "openai/fake"})


@pytest.fixture
def registry(chat_wire: ChatWire) -> Registry:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    return Registry({"openai": own}, demo_words_per_second=10_000)


@pytest.fixture
async def server(settings: Settings, registry: Registry) -> AsyncIterator[LiveServer]:
    async with live_server(settings.model_copy(update=LIMITS), registry=registry) as running:
        yield running


@asynccontextmanager
async def serving(settings: Settings, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A server of its own, and one who is signed in there."""
    async with live_server(settings, **options) as server, httpx.AsyncClient(base_url=server.url) as client:
        (await client.post("/api/access/signup", json=ADA)).raise_for_status()
        await sign_in(client)
        yield client


async def sign_in(client: httpx.AsyncClient, account: dict[str, str] = ADA) -> None:
    token = (await client.post("/api/access/login", json=account)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"


def stalls(wire: ChatWire) -> None:
    wire.default = lambda _: answer("Hm", ending=Ending.STALL)


async def start(client: httpx.AsyncClient, **headers: str) -> httpx.Response:
    return await client.post(CHAT, json=said("Hi"), headers={**LATER, **headers})


def parsed(field: str) -> dict[str, dict[str, int]]:
    """A list of structured fields with integers as parameters."""
    found = {}
    for item in field.split(", "):
        name, *parameters = item.split(";")
        pairs = (one.split("=") for one in parameters)
        found[name.strip('"')] = {key: int(value) for key, value in pairs if value.isdigit()}
    return found


async def test_the_fourth_start_in_a_minute_is_refused(client: httpx.AsyncClient) -> None:
    answers = [await client.post(CHAT, json=said("Hi")) for _ in range(4)]

    refused = answers[3]
    problem = refused.json()
    assert [a.status_code for a in answers] == [200, 200, 200, 429]
    assert refused.headers["content-type"] == "application/problem+json"
    assert (problem["code"], problem["kind"], problem["retryable"]) == ("rate_limit_exceeded", "rate", True)
    assert problem.keys() >= FIELDS
    assert problem["detail"] == problem["message"] == "At most 3 starts in 60 seconds."
    assert problem["current_usage"] == 3
    assert 0 < problem["retry_after"] <= 60
    assert refused.headers["retry-after"] == str(problem["retry_after"])
    assert (await client.get("/api/runs")).json()["total"] == 3
    assert (await usage(client))["requests_used"] == 3


async def test_whoever_wants_a_stream_is_refused_by_its_one_event(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.post(CHAT, json=said("Hi"))

    refusals = [await client.post(path, json=said("Hi")) for path in STREAMS]
    refusals.append(await client.post(CHAT, json=said("Hi"), headers={"Accept": "text/event-stream"}))
    refusals.append(await client.post(f"{STREAMS[1]}?envelope=true", json=said("Hi")))

    for refused in refusals:
        (event,) = Parser().feed(refused.text)
        data = event.data.get("data", event.data)
        assert (refused.status_code, event.id, event.event) == (429, None, "rate_limit_exceeded")
        assert data.keys() == FIELDS
        assert data["kind"] == "rate"
        assert refused.headers["retry-after"] == str(data["retry_after"])
        assert refused.headers["content-type"].startswith("text/event-stream")
        assert refused.headers["cache-control"] == "no-cache, no-transform"
        assert parsed(refused.headers["ratelimit"])["rate"]["r"] == 0


async def test_a_refusal_on_a_socket_says_the_same(client: httpx.AsyncClient) -> None:
    for _ in range(3):
        await client.post(CHAT, json=said("Hi"))
    over_http = (await client.post(CHAT, json=said("Hi"))).json()

    async with socket_of(client) as socket:
        problem = (await socket.ask("invoke", agent="chat", body=said("Hi")))["error"]

    assert problem["status"] == 429
    assert problem.keys() == over_http.keys()
    assert (problem["code"], problem["kind"], problem["message"]) == tuple(
        over_http[name] for name in ("code", "kind", "message")
    )


async def test_runs_at_once_are_limited_until_one_ends(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    stalls(chat_wire)
    begun = [await start(client) for _ in range(2)]

    refused = await start(client)
    await client.post(f"{begun[0].headers['location']}/pause")
    paused = await start(client)
    await client.post(f"{begun[0].headers['location']}/cancel")
    then = await start(client)

    assert [refused.status_code, paused.status_code, then.status_code] == [429, 429, 202]
    assert (refused.json()["kind"], refused.json()["current_usage"]) == ("concurrency", 2)
    assert refused.json()["monthly_limit"] is None
    # What is refused for another reason takes nothing of the rate limit's three.
    assert parsed(then.headers["ratelimit"]) == {
        "rate": {"r": 0, "t": pytest.approx(60, abs=5)},
        "concurrency": {"r": 0},
        "requests": {"r": 1, "t": parsed(then.headers["ratelimit"])["requests"]["t"]},
    }


async def test_the_quota_of_a_month_begins_anew_with_the_next_one(
    settings: Settings, registry: Registry, clock: FixedClock, db: Database
) -> None:
    limits = {**LIMITS, "rate_limit_per_minute": 100}
    async with serving(settings.model_copy(update=limits), registry=registry, clock=clock) as client:
        answers = [await client.post(CHAT, json=said("Hi")) for _ in range(5)]
        refused = answers[4]
        clock.advance(2 * 86_400 - 12 * 3600 - 30 - 1)
        await sign_in(client)
        last_second = await usage(client)
        still_refused = await client.post(CHAT, json=said("Hi"))
        clock.advance(1)
        first_second = await usage(client)
        then = await client.post(CHAT, json=said("Hi"))
        stored = await months(db, id_of(client))

    assert [a.status_code for a in answers] == [200, 200, 200, 200, 429]
    problem = refused.json()
    assert {name: problem[name] for name in FIELDS - {"message"}} == {
        "kind": "requests",
        "current_usage": 4,
        "monthly_limit": 4,
        "remaining_quota": 0,
        "reset_date": "2028-03-01T00:00:00Z",
        "retry_after": 2 * 86_400 - 12 * 3600 - 30,
    }
    assert parsed(refused.headers["ratelimit-policy"])["requests"] == {"q": 4, "w": 29 * 86_400}
    assert (last_second["requests_used"], last_second["reset_date"]) == (4, "2028-03-01T00:00:00Z")
    assert still_refused.json()["retry_after"] == 1
    assert (first_second["requests_used"], first_second["reset_date"]) == (0, "2028-04-01T00:00:00Z")
    assert then.status_code == 200
    assert sorted((row.month, row.requests) for row in stored) == [("2028-02", 4), ("2028-03", 1)]


async def test_every_answer_to_a_start_says_what_is_left(client: httpx.AsyncClient) -> None:
    async with client.stream("POST", CHAT, json=said("Hi"), headers={"Accept": "text/event-stream"}) as response:
        streamed_headers = response.headers
        await response.aread()
    waited = await client.post("/api/todos/agent-create", json=said("Hi"))
    later = await start(client)

    left = [
        parsed(headers["ratelimit"])["requests"]["r"] for headers in (streamed_headers, waited.headers, later.headers)
    ]
    assert left == [3, 2, 1]
    assert later.headers["ratelimit-policy"].startswith('"rate";q=3;w=60, "concurrency";q=2;qu="concurrent-requests", ')
    assert "ratelimit" not in (await client.get("/api/runs")).headers


async def test_who_says_a_start_again_has_not_started(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "once"}
    answers = [await client.post(CHAT, json=said("Hi"), headers=key) for _ in range(6)]

    assert {a.json()["id"] for a in answers} == {answers[0].json()["id"]}
    assert (await usage(client))["requests_used"] == 1
    assert ["ratelimit" in a.headers for a in answers] == [True, False, False, False, False, False]


async def test_a_refusal_leaves_its_key_free(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    stalls(chat_wire)
    begun = [await start(client) for _ in range(2)]

    refused = await start(client, **{"Idempotency-Key": "mine"})
    await client.post(f"{begun[0].headers['location']}/cancel")
    then = await start(client, **{"Idempotency-Key": "mine"})

    assert (refused.status_code, then.status_code) == (429, 202)


async def test_what_fails_behind_the_gate_costs_nothing(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    stalls(chat_wire)
    await client.post(CHAT, json=said("Hi", session_id="busy"), headers=LATER)
    for _ in range(5):
        assert (await client.post(CHAT, json=said("Hi", session_id="busy"))).status_code == 409
        assert (await client.post("/api/agents/nobody/invoke", json=said("Hi"))).status_code == 404
        assert (await client.post(CHAT, json=said(""))).status_code == 422

    told = await usage(client)

    assert (told["requests_used"], told["rate_limit_remaining"]) == (1, 2)


async def test_headers_can_be_switched_off(settings: Settings, registry: Registry, clock: FixedClock) -> None:
    limits = {**LIMITS, "rate_limit_headers": False, "monthly_requests": 1}
    async with serving(settings.model_copy(update=limits), registry=registry, clock=clock) as client:
        passed, refused = [await client.post(CHAT, json=said("Hi")) for _ in range(2)]

    assert (passed.status_code, refused.status_code) == (200, 429)
    assert not [name for a in (passed, refused) for name in a.headers if name.startswith("ratelimit")]
    assert refused.headers["retry-after"]


async def test_a_users_own_quota_wins_over_the_roles_and_that_over_the_settings(
    db: Database, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    admin = await sign_up()
    await promote(db, admin)
    mine = id_of(client)

    async def limits() -> tuple[int, int, int | None]:
        told = await usage(client)
        return told["rate_limit_per_minute"], told["concurrent_runs_limit"], told["tokens_limit"]

    seen = [await limits()]
    role = {"rate_limit_per_minute": 50, "monthly_tokens": 1000}
    put = await admin.put("/api/admin/quotas/roles/user", json=role)
    seen.append(await limits())
    await admin.put(f"/api/admin/quotas/users/{mine}", json={"monthly_tokens": 5, "concurrent_runs": 7})
    seen.append(await limits())
    listed = (await admin.get("/api/admin/quotas")).json()
    assert (await admin.delete(f"/api/admin/quotas/users/{mine}")).status_code == 204
    seen.append(await limits())
    await admin.delete("/api/admin/quotas/roles/user")
    seen.append(await limits())

    assert put.status_code == 200, put.text
    assert seen == [(3, 2, None), (50, 2, 1000), (50, 7, 5), (50, 2, 1000), (3, 2, None)]
    assert listed["total"] == 2
    assert [(one["role"], one["user_id"]) for one in listed["items"]] == [("user", None), (None, str(mine))]
    gone = await admin.delete(f"/api/admin/quotas/users/{mine}")
    assert (gone.status_code, gone.json()["code"]) == (404, "quota_not_found")


@pytest.mark.parametrize(
    "body",
    [
        {"monthly_tokens": -1},
        {"monthly_requests": "many"},
        {"monthly_cost_usd": "1e3"},
        {"monthly_cost_usd": "-1"},
        {"monthly_cost_usd": 5},
        {"role": "admin"},
        {"rate_limit_per_minute": 2_000_000_000},
    ],
)
async def test_a_quota_that_cannot_be_is_refused(db: Database, client: httpx.AsyncClient, body: dict[str, Any]) -> None:
    await promote(db, client)

    assert (await client.put("/api/admin/quotas/roles/user", json=body)).status_code == 422


async def test_quotas_are_for_administrators(db: Database, client: httpx.AsyncClient, sign_up: SignUp) -> None:
    auditor = await sign_up()
    await promote(db, auditor, "auditor")
    mine = id_of(client)

    for user in (client, auditor):
        assert (await user.get("/api/admin/quotas")).status_code == 403
        assert (await user.put(f"/api/admin/quotas/users/{mine}", json={})).status_code == 403
        assert (await user.delete("/api/admin/quotas/roles/user")).status_code == 403
    admin = await sign_up()
    await promote(db, admin)
    assert (await admin.put("/api/admin/quotas/roles/king", json={})).status_code == 404
    missing = await admin.put("/api/admin/quotas/users/00000000-0000-7000-8000-000000000000", json={})
    assert missing.json()["code"] == "user_not_found"


async def test_nobody_starts_with_a_quota_of_nothing(db: Database, client: httpx.AsyncClient, sign_up: SignUp) -> None:
    admin = await sign_up()
    await promote(db, admin)
    kinds = []
    for limit in ("rate_limit_per_minute", "concurrent_runs", "monthly_requests", "monthly_tokens"):
        await admin.put("/api/admin/quotas/roles/user", json={limit: 0})
        kinds.append((await start(client)).json()["kind"])
    await admin.put("/api/admin/quotas/roles/user", json={"monthly_cost_usd": "0"})
    kinds.append((await start(client)).json()["kind"])

    assert kinds == ["rate", "concurrency", "requests", "tokens", "cost"]
    assert (await usage(client))["requests_used"] == 0


async def test_a_continued_run_is_a_start(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    stalls(chat_wire)
    run = await start(client)
    await chat_wire.request()
    async with client.stream("GET", f"{run.headers['location']}/events") as response:
        async for line in response.aiter_lines():
            if "Hm" in line:
                break
    await client.post(f"{run.headers['location']}/cancel")

    again = await client.post(f"{run.headers['location']}/continue", headers=LATER)

    assert again.status_code == 202
    assert parsed(again.headers["ratelimit"])["requests"]["r"] == 2


@pytest.mark.parametrize(
    ("starts", "rounds"),
    [
        pytest.param(40, 1, id="short"),
        pytest.param(200, 20, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900)]),
    ],
)
async def test_of_many_first_starts_at_once_exactly_as_many_pass(
    settings: Settings, registry: Registry, chat_wire: ChatWire, *, starts: int, rounds: int
) -> None:
    stalls(chat_wire)
    limits = {"monthly_requests": 10}
    async with live_server(settings.model_copy(update=limits), registry=registry) as server:
        for n in range(rounds):
            async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
                account = {**ADA, "email": f"ada-{n}@example.com"}
                (await client.post("/api/access/signup", json=account)).raise_for_status()
                await sign_in(client, account)
                answers: list[httpx.Response] = []

                async def one(client: httpx.AsyncClient, answers: list[httpx.Response]) -> None:
                    answers.append(await start(client))

                async with anyio.create_task_group() as tasks:
                    for _ in range(starts):
                        tasks.start_soon(one, client, answers)
                told = await usage(client)
                statuses = [answered.status_code for answered in answers]

                # A server under pressure lets no new runs begin, for whomever.
                assert (statuses.count(202), {*statuses}) == (10, {202, 429} | ({503} & {*statuses}))
                assert (told["requests_used"], told["concurrent_runs_used"]) == (10, 10)
                for answered in answers:
                    if answered.status_code == 202:
                        await client.post(f"{answered.headers['location']}/cancel")


async def test_the_demo_costs_a_request_and_nothing_else(client: httpx.AsyncClient) -> None:
    events = await streamed(client, CHAT, {**said("hello"), "model": "demo/chat"})

    told = await usage(client)

    assert names(events)[-1] == "completed"
    assert (told["requests_used"], told["cost_usd_used"], told["unpriced_calls"]) == (1, "0", 0)
    assert told["tokens_used"] > 0
