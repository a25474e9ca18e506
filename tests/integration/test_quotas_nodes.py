"""Limits over several processes: as exact as in one, whatever they share, and whoever dies."""

import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.chaos import environment
from tests.integration.conftest import PASSWORD
from tests.integration.test_runs_nodes import CHAT, Pair, over, pair
from tests.limits import id_of, ledger, months, open_calls, promote, usage
from tests.servers import Nursery
from tests.streams import followed, said, shown
from tests.valkey import valkey_server
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, answer

pytestmark = pytest.mark.timeout(60)
LATER = {"Prefer": "respond-async"}
LEFT = 10
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
SHORT = pytest.param(60, 1, id="short")
LONG = pytest.param(200, 20, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(900)])


async def new_user(nodes: Pair) -> None:
    """Who has never asked for anything."""
    account = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD, "name": "Ada"}
    (await nodes.here.post("/api/access/signup", json=account)).raise_for_status()
    token = (await nodes.here.post("/api/access/login", json=account)).json()["access_token"]
    nodes.here.headers["Authorization"] = nodes.there.headers["Authorization"] = f"Bearer {token}"


async def attacked(nodes: Pair, starts: int) -> list[httpx.Response]:
    """So many starts at once, half of them here and half there."""
    answers: list[httpx.Response] = []

    async def start(client: httpx.AsyncClient) -> None:
        answers.append(await client.post(CHAT, json=said("Hi"), headers=LATER, timeout=60))

    # Connections of their own: one that was idle may be closed just as it is used again.
    async with fresh(nodes.here) as here, fresh(nodes.there) as there, anyio.create_task_group() as tasks:
        for n in range(starts):
            tasks.start_soon(start, here if n % 2 else there)
    return answers


def fresh(client: httpx.AsyncClient) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=client.base_url, headers=client.headers)


@on_postgres
@pytest.mark.parametrize(("starts", "rounds"), [SHORT, LONG])
@pytest.mark.parametrize(
    ("limit", "kind", "redis"),
    [
        ("monthly_requests", "requests", False),
        ("max_concurrent_runs", "concurrency", False),
        ("rate_limit_per_minute", "rate", False),
        ("rate_limit_per_minute", "rate", True),
    ],
)
async def test_of_starts_over_two_nodes_exactly_as_many_pass(
    settings: Settings,
    chat_wire: ChatWire,
    tmp_path: Path,
    *,
    starts: int,
    rounds: int,
    limit: str,
    kind: str,
    redis: bool,
) -> None:
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    settings = settings.model_copy(update={limit: LEFT})
    async with served(settings, chat_wire, tmp_path, redis=redis) as nodes:
        for _ in range(rounds):
            await new_user(nodes)
            answers = await attacked(nodes, starts)
            told = await usage(nodes.here)

            passed = [a for a in answers if a.status_code == 202]
            refused = [a.json() for a in answers if a.status_code == 429]
            # Servers under pressure let no new runs begin, for whomever: 200 at once may be that.
            busy = [a for a in answers if a.status_code == 503]
            assert (len(passed), len(refused) + len(busy)) == (LEFT, starts - LEFT)
            assert not busy or rounds > 1
            assert {problem["kind"] for problem in refused} == {kind}
            assert (told["requests_used"], told["concurrent_runs_used"]) == (LEFT, LEFT)
            for run in passed:
                await nodes.there.post(f"{run.headers['location']}/cancel")


@asynccontextmanager
async def served(settings: Settings, wire: ChatWire, folder: Path, *, redis: bool) -> AsyncIterator[Pair]:
    if not redis:
        async with pair(settings, wire) as nodes:
            yield nodes
        return
    with valkey_server(folder) as valkey:
        async with pair(over(settings, valkey), wire) as nodes:
            yield nodes


@on_postgres
async def test_a_quota_that_is_set_holds_at_once_on_every_node(
    settings: Settings, chat_wire: ChatWire, db: Database
) -> None:
    async with pair(settings, chat_wire) as nodes, httpx.AsyncClient(base_url=nodes.servers[0].url) as admin:
        account = {"email": "admin@example.com", "password": PASSWORD, "name": "Admin"}
        (await admin.post("/api/access/signup", json=account)).raise_for_status()
        token = (await admin.post("/api/access/login", json=account)).json()["access_token"]
        admin.headers["Authorization"] = f"Bearer {token}"
        await promote(db, admin)
        address = f"/api/admin/quotas/users/{id_of(nodes.here)}"

        statuses = []
        for limit in (1, 2, 0, 3):
            (await admin.put(address, json={"monthly_requests": limit})).raise_for_status()
            statuses += [(await node.post(CHAT, json=said("Hi"))).status_code for node in (nodes.there, nodes.here)]
        await admin.delete(address)
        statuses.append((await nodes.there.post(CHAT, json=said("Hi"))).status_code)

    assert statuses == [200, 429, 200, 429, 429, 429, 200, 429, 200]


async def becomes(client: httpx.AsyncClient, how: str) -> None:
    """Wait until the server says so of its rate limit."""
    with anyio.fail_after(15):
        while (await client.get("/health/ready")).json()["limits"]["rate_limit"] != how:  # noqa: ASYNC110
            await anyio.sleep(0.05)


@on_postgres
@pytest.mark.parametrize(
    ("fail", "status", "said_of_it"),
    [("open", 202, "not counted, let through"), ("closed", 503, "not counted, refused")],
)
async def test_without_redis_the_operator_decides(
    settings: Settings, chat_wire: ChatWire, tmp_path: Path, capsys: Any, *, fail: str, status: int, said_of_it: str
) -> None:
    settings = settings.model_copy(update={"rate_limit_per_minute": 2, "monthly_requests": 5, "rate_limit_fail": fail})
    with valkey_server(tmp_path) as valkey:
        async with pair(over(settings, valkey), chat_wire) as nodes:
            before = [a.status_code for a in await attacked(nodes, 3)]
            valkey.kill()
            away = await attacked(nodes, 2)
            await becomes(nodes.here, said_of_it)
            told = await usage(nodes.here)
            valkey.start()
            await becomes(nodes.here, "counted")
            await becomes(nodes.there, "counted")
            back = await attacked(nodes, 4)

    assert sorted(before) == [202, 202, 429]
    assert [a.status_code for a in away] == [status, status]
    assert told["rate_limit_remaining"] is None
    if fail == "closed":
        assert {a.json()["code"] for a in away} == {"rate_limit_unavailable"}
        assert all(a.headers["retry-after"] for a in away)
        assert sorted(a.status_code for a in back) == [202, 202, 429, 429]
    else:
        # The quota is in the database: it is as exact as ever.
        assert '"rate";r=' not in away[0].headers["ratelimit"]
        assert {a.json()["kind"] for a in back if a.status_code == 429} == {"requests"}
        assert [a.status_code for a in back].count(202) == 1
    logged = capsys.readouterr().out
    assert logged.count("rate limits cannot be counted: Redis is away") == 2
    assert logged.count("rate limits are counted again: Redis is back") == 2


async def test_a_killed_server_leaves_no_reservation_and_no_call_twice(
    servers: Nursery, tmp_path: Path, database_url: str, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL), answer("A whole one.", usage=(30, 3)))
    db = Database(database_url)
    settings = environment(chat_wire, database_url) | {"HEADGATE_DATA_DIR": str(tmp_path / "data")}
    process = await servers.start(settings, tmp_path)
    async with signed_in(process.url) as client:
        run = await client.post(CHAT, json=said("go"), headers=LATER)
        async with client.stream("GET", f"{run.headers['location']}/events") as response:
            await shown(response, "Half an answer")
            reserved = await open_calls(db)
            process.send_signal(signal.SIGKILL)
        await process.wait()
    process = await servers.start(settings, tmp_path)
    async with signed_in(process.url) as client:
        await followed(client, run.json()["id"])
        told = await usage(client)
    rows = await ledger(db)
    (month,) = await months(db, reserved[0].user_id)
    left = await open_calls(db)
    await process.kill()
    await db.close()

    assert (len(reserved), left) == (1, [])
    assert [(row.attempt, row.outcome, row.source) for row in rows] == [
        (1, "interrupted", "estimated"),
        (2, "completed", "provider"),
    ]
    assert rows[0].output_tokens == 4  # of "Half an answer"
    assert (rows[1].input_tokens, rows[1].output_tokens) == (30, 3)
    assert len(chat_wire.requests) == month.calls == told["provider_calls"] == 2
    assert told["tokens_used"] == month.tokens == sum(row.input_tokens + row.output_tokens for row in rows)
    assert (told["requests_used"], told["tokens_reserved"]) == (1, 0)


@asynccontextmanager
async def signed_in(url: str) -> AsyncIterator[httpx.AsyncClient]:
    account = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
    async with httpx.AsyncClient(base_url=url, timeout=20) as client:
        await client.post("/api/access/signup", json=account)
        token = (await client.post("/api/access/login", json=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client
