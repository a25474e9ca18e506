"""What users and those who look after them are told of usage."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from uuid_utils.compat import uuid7

from app.domain.quotas.schemas import Call, Limits, Spent
from app.domain.quotas.service import Metering
from app.lib.clock import FixedClock, SystemClock
from app.lib.db.engine import Database
from app.lib.providers.model import TokenUsage
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.limits import id_of, promote, usage
from tests.streams import only, said, streamed

TODAY = SystemClock().now().date()
DEFAULTS = Limits(rate_limit_per_minute=10, concurrent_runs=5, monthly_requests=200)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(settings, registry=Registry(demo_words_per_second=10_000)) as running:
        yield running


async def spend(db: Database, user_id: UUID, *, days_ago: int = 0, **of_call: Any) -> None:
    """Enter a call of so many days ago, as a run does at its end."""
    usage = TokenUsage(input_tokens=100, output_tokens=10, cost_usd=of_call.pop("cost", "0.001"))
    at = datetime(TODAY.year, TODAY.month, TODAY.day, 12, tzinfo=UTC) - timedelta(days=days_ago)
    call = {"agent": "chat", "model": "openai/gpt-5", "run_id": uuid7(), **of_call}
    call |= {"attempt": 1, "scope": "", "turn": 1, "number": 1, "session_key": "s", "input_tokens": 90}
    spent = Spent(call=Call(user_id=user_id, began_at=at, **call), usage=usage, outcome="completed")
    async with db.writing() as db_session:
        await Metering(db, FixedClock(at), DEFAULTS, fails_open=False).settle(db_session, call["run_id"], [spent])


async def history(client: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await client.get(f"/api/usage/history?{query}")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def test_the_agents_tool_tells_the_same_numbers(client: httpx.AsyncClient) -> None:
    events = await streamed(client, "/api/agents/todo/invoke", said("how much quota do I have left?"))

    told = only(events, "tool_result").data["output"]
    while_it_ran = {"concurrent_runs_used": 1, "concurrent_runs_remaining": 99_999}
    now = await usage(client)
    counted = ("requests_used", "requests_limit", "requests_remaining", "reset_date", "rate_limit_remaining")
    assert {name: told[name] for name in counted} == {name: now[name] for name in counted}
    assert told.keys() == now.keys()
    assert {name: told[name] for name in while_it_ran} == while_it_ran
    assert now["requests_used"] == 1


async def test_history_is_grouped_as_asked(client: httpx.AsyncClient, db: Database, sign_up: SignUp) -> None:
    me, secret = id_of(client), uuid4()
    await spend(db, me)
    await spend(db, me, agent="todo", model="demo/todo", cost="0")
    await spend(db, me, days_ago=1, secret_id=secret, cost="0.5")
    await spend(db, me, days_ago=1, model="openai/unheard-of", cost=None)
    await spend(db, me, days_ago=40)
    await spend(db, id_of(await sign_up()))

    days = await history(client)
    models = await history(client, "group_by=model")
    agents = await history(client, "group_by=agent")
    secrets = await history(client, "group_by=secret")
    older = await history(client, f"since={TODAY - timedelta(days=50)}&until={TODAY - timedelta(days=30)}")

    assert days[0] == {
        "key": TODAY.isoformat(),
        "runs": 2,
        "provider_calls": 2,
        "input_tokens": 200,
        "output_tokens": 20,
        "reasoning_tokens": 0,
        "cached_tokens": 0,
        "cost_usd": "0.001",
        "own_key_cost_usd": "0",
        "unpriced_calls": 0,
    }
    assert [day["key"] for day in days] == [TODAY.isoformat(), (TODAY - timedelta(days=1)).isoformat()]
    assert (days[1]["cost_usd"], days[1]["own_key_cost_usd"], days[1]["unpriced_calls"]) == ("0", "0.5", 1)
    assert {(m["key"], m["provider_calls"]) for m in models} == {
        ("openai/gpt-5", 2), ("demo/todo", 1), ("openai/unheard-of", 1),
    }  # fmt: skip
    assert {(a["key"], a["runs"]) for a in agents} == {("chat", 3), ("todo", 1)}
    assert {s["key"] for s in secrets} == {None, str(secret)}
    assert [day["key"] for day in older] == [(TODAY - timedelta(days=40)).isoformat()]


async def test_own_keys_cost_nothing_of_the_budget(client: httpx.AsyncClient, db: Database) -> None:
    await spend(db, id_of(client), secret_id=uuid4(), cost="2")

    told = await usage(client)

    assert (told["provider_calls"], told["tokens_used"], told["cost_usd_used"]) == (1, 110, "0")


async def test_a_call_is_entered_once_however_often_it_is_told(client: httpx.AsyncClient, db: Database) -> None:
    run_id = uuid7()
    for _ in range(3):
        await spend(db, id_of(client), run_id=run_id)

    assert (await usage(client))["provider_calls"] == 1


async def test_history_comes_as_csv_too(client: httpx.AsyncClient, db: Database) -> None:
    await spend(db, id_of(client), agent="=HYPERLINK(1)", cost="0.000175")

    answer = await client.get("/api/usage/history?group_by=agent", headers={"Accept": "text/csv"})
    head, row = csv.reader(io.StringIO(answer.text))

    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.headers["content-disposition"].startswith('attachment; filename="usage-')
    assert dict(zip(head, row, strict=True)) == {
        "key": "'=HYPERLINK(1)",
        "runs": "1",
        "provider_calls": "1",
        "input_tokens": "100",
        "output_tokens": "10",
        "reasoning_tokens": "0",
        "cached_tokens": "0",
        "cost_usd": "0.000175",
        "own_key_cost_usd": "0",
        "unpriced_calls": "0",
    }


async def test_history_has_pages(client: httpx.AsyncClient, db: Database) -> None:
    for n in range(3):
        await spend(db, id_of(client), model=f"demo/{n}")

    page = (await client.get("/api/usage/history?group_by=model&limit=2&offset=2")).json()

    assert ([m["key"] for m in page["items"]], page["total"], page["limit"], page["offset"]) == (["demo/2"], 3, 2, 2)


@pytest.mark.parametrize(
    "query", ["group_by=user", "since=yesterday", "limit=0", "limit=2000", "offset=-1", "until=2026-02-30"]
)
async def test_a_history_that_cannot_be_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/api/usage/history?{query}")).status_code == 422


async def test_the_first_day_there_is_has_a_history(client: httpx.AsyncClient) -> None:
    assert await history(client, f"until={date.min}") == []


@pytest.mark.parametrize("role", ["admin", "auditor"])
async def test_usage_of_all_is_told_to_those_who_look_after_it(
    client: httpx.AsyncClient, db: Database, sign_up: SignUp, role: str
) -> None:
    other = await sign_up("other@example.com")
    await spend(db, id_of(client))
    await spend(db, id_of(client))
    await spend(db, id_of(other))
    reader = await sign_up()
    await promote(db, reader, role)

    page = (await reader.get("/api/admin/usage?limit=1&offset=1")).json()
    first = (await reader.get("/api/admin/usage")).json()
    before = (await reader.get("/api/admin/usage?month=2020-01")).json()

    assert (page["total"], page["month"]) == (2, f"{TODAY:%Y-%m}")
    assert page["items"] == [
        {
            "user_id": str(id_of(other)),
            "email": "other@example.com",
            "requests": 0,
            "provider_calls": 1,
            "tokens": 110,
            "cost_usd": "0.001",
            "unpriced_calls": 0,
        }
    ]
    assert [one["tokens"] for one in first["items"]] == [220, 110]
    assert (before["items"], before["total"]) == ([], 0)
    assert (await reader.get("/api/admin/usage?month=2020-13")).status_code == 422


async def test_usage_of_all_is_told_to_nobody_else(client: httpx.AsyncClient) -> None:
    refused = await client.get("/api/admin/usage")

    assert (refused.status_code, refused.json()["code"]) == (403, "role_required")


async def test_ready_says_that_limits_are_counted(anonymous: httpx.AsyncClient) -> None:
    told = msgspec.json.decode((await anonymous.get("/health/ready")).content)

    assert told["limits"] == {"rate_limit": "counted", "quota": "counted"}
