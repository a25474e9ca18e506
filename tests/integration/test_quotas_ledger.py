"""What calls of providers have used: entered once, whatever becomes of their run, and never changed."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from app.domain.quotas.models import LedgerEntry
from app.domain.runs.execute import Outcome
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.limits import id_of, ledger, months, open_calls, promote, usage
from tests.people import new_owner
from tests.processes import Machine, machine
from tests.streams import followed, names, only, said, shown, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, answer, refusal

CHAT = "/api/agents/chat/invoke"
TODO = "/api/agents/todo/invoke"
MODEL = "openai/gpt-5-mini"
LATER = {"Prefer": "respond-async"}


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire) as running:
        yield running


@asynccontextmanager
async def serving(settings: Settings, wire: ChatWire, **limits: Any) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": MODEL, **limits})
    async with live_server(settings, registry=Registry({"openai": own}, demo_words_per_second=10_000)) as running:
        yield running


async def limited(db: Database, sign_up: SignUp, client: httpx.AsyncClient, **limits: Any) -> None:
    """Set what the client's user may consume."""
    admin = await sign_up()
    await promote(db, admin)
    (await admin.put(f"/api/admin/quotas/users/{id_of(client)}", json=limits)).raise_for_status()


async def test_each_call_is_a_row_of_the_ledger(client: httpx.AsyncClient, chat_wire: ChatWire, db: Database) -> None:
    chat_wire.queue(
        answer(Call("search_todos", {"query": "milk"}), usage=(1000, 10)), answer("None.", usage=(2000, 20))
    )

    events = await streamed(client, TODO, said("is there milk?", session_id="mine"))

    first, second = await ledger(db)
    assert str(first.run_id) == events[0].data["run_id"]
    assert (first.user_id, first.agent, first.session_key) == (id_of(client), "todo", "mine")
    assert (first.model, first.provider, first.secret_id) == (MODEL, "openai", None)
    assert [(row.turn, row.input_tokens, row.output_tokens, row.cost) for row in (first, second)] == [
        (1, 1000, 10, 270_000_000),
        (2, 2000, 20, 540_000_000),
    ]
    assert (first.source, first.outcome) == ("provider", "completed")
    assert second.duration_ms is not None
    assert second.first_token_ms is not None
    assert 0 <= second.first_token_ms <= second.duration_ms
    told = await usage(client)
    assert (told["tokens_used"], told["provider_calls"], told["cost_usd_used"]) == (3030, 2, "0.00081")
    assert (told["tokens_reserved"], await open_calls(db)) == (0, [])


async def test_nobody_changes_the_ledger(client: httpx.AsyncClient, db: Database) -> None:
    await streamed(client, CHAT, said("Hi"))

    for change in (update(LedgerEntry).values(input_tokens=0), delete(LedgerEntry)):
        with pytest.raises(DBAPIError, match="the ledger is immutable"):
            async with db.writing() as db_session:
                await db_session.execute(change)

    assert len(await ledger(db)) == 1


async def test_a_deleted_session_leaves_its_usage(client: httpx.AsyncClient, chat_wire: ChatWire, db: Database) -> None:
    await streamed(client, CHAT, said("Hi", session_id="gone"))
    chat_wire.queue(answer("Hm", ending=Ending.STALL))
    await client.post(CHAT, json=said("Hi", session_id="gone"), headers=LATER)
    await chat_wire.request(2)

    assert (await client.delete("/api/sessions/gone")).status_code == 204

    rows = await ledger(db)
    assert [row.outcome for row in rows] == ["completed", "cancelled"]
    assert (await usage(client))["provider_calls"] == 2
    assert await open_calls(db) == []


async def test_a_cancelled_call_counts_as_far_as_it_came(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    run = await client.post(CHAT, json=said("go"), headers=LATER)
    async with client.stream("GET", f"{run.headers['location']}/events") as response:
        await shown(response, "Half an answer")
    reserved = await usage(client)
    await client.post(f"{run.headers['location']}/cancel")

    (row,) = await ledger(db)
    events = await followed(client, run.json()["id"])
    told = only(events, "usage").data
    assert reserved["tokens_reserved"] > 8192
    assert (row.outcome, row.source) == ("cancelled", "estimated")
    assert (row.input_tokens, row.output_tokens) == (told["input_tokens"], told["output_tokens"])
    assert (await usage(client))["tokens_reserved"] == 0


async def test_each_try_counts_and_each_fallback_under_its_own_model(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database
) -> None:
    agent = {"name": "Sturdy", "instructions": "Go on.", "model": MODEL, "fallback_models": ["openai/gpt-5-nano"]}
    agent_id = (await client.post("/api/agents", json=agent)).json()["id"]
    chat_wire.when("gpt-5-mini", refusal(401))
    chat_wire.when("gpt-5-nano", answer("There.", usage=(7, 3)))

    events = await streamed(client, f"/api/agents/{agent_id}/invoke", said("go"))

    rows = await ledger(db)
    assert names(events)[-1] == "completed"
    assert [(row.number, row.model, row.outcome, row.input_tokens) for row in rows] == [
        (1, MODEL, "failed", 0),
        (2, "openai/gpt-5-nano", "completed", 7),
    ]
    assert (await usage(client))["requests_used"] == 1


async def test_a_failed_run_counts_what_its_call_has_used(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database
) -> None:
    chat_wire.queue(answer("Half an answ", ending=Ending.DROP))

    events = await streamed(client, CHAT, said("go"))

    (row,) = await ledger(db)
    assert events[-1].event == "error"
    assert (row.outcome, row.source) == ("failed", "estimated")
    assert row.output_tokens > 0


async def test_a_paused_call_that_is_cut_and_made_again_counts_twice(
    settings: Settings, chat_wire: ChatWire, db: Database, sign_up: SignUp
) -> None:
    async with serving(settings, chat_wire, pause_hold=0.05) as server:
        client = await sign_up()
        client.base_url = server.url
        chat_wire.queue(answer("One two", ending=Ending.STALL), answer("One two three.", usage=(9, 4)))
        run = await client.post(CHAT, json=said("go"), headers=LATER)
        async with client.stream("GET", f"{run.headers['location']}/events") as response:
            await shown(response, "One two")
        await client.post(f"{run.headers['location']}/pause")
        await chat_wire.requests[0].hung_up.wait()
        with anyio.fail_after(5):
            while await open_calls(db):  # noqa: ASYNC110 - nobody is told of it
                await anyio.sleep(0.01)
        paused = await ledger(db)
        await client.post(f"{run.headers['location']}/resume")
        await followed(client, run.json()["id"])

    assert [row.outcome for row in paused] == ["interrupted"]
    assert [row.outcome for row in await ledger(db)] == ["interrupted", "completed"]


async def test_a_quota_that_runs_out_ends_the_run_with_what_it_said(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database, sign_up: SignUp
) -> None:
    await limited(db, sign_up, client, monthly_tokens=3000)
    chat_wire.queue(answer("Let me see. ", Call("search_todos", {"query": "milk"}), usage=(2500, 100)))

    events = await streamed(client, TODO, said("is there milk?"))
    run = (await client.get(f"/api/runs/{events[0].data['run_id']}")).json()
    refused = await client.post(CHAT, json={"messages": [{"role": "user", "content": "x" * 9000}]})

    end = events[-1]
    assert (end.event, end.data["kind"]) == ("rate_limit_exceeded", "tokens")
    assert (end.data["current_usage"], end.data["monthly_limit"], end.data["remaining_quota"]) == (2600, 3000, 400)
    assert text(events) == "Let me see. "
    assert (run["state"], run["final_message"]) == ("limited", "Let me see. ")
    assert run["error"]["code"] == "rate_limit_exceeded"
    assert len(chat_wire.requests) == 1
    assert refused.status_code == 200
    assert refused.json()["state"] == "limited"
    assert [row.outcome for row in await ledger(db)] == ["completed"]
    assert (await usage(client))["tokens_reserved"] == 0


async def test_an_answer_is_bounded_by_what_the_month_still_holds(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database, sign_up: SignUp
) -> None:
    await limited(db, sign_up, client, monthly_tokens=5000)

    await streamed(client, CHAT, said("Hi"))
    (call,) = chat_wire.requests
    bounds = [value for name, value in call.body.items() if name in {"max_tokens", "max_completion_tokens"}]

    assert len(bounds) == 1
    assert 3000 < bounds[0] < 5000


async def test_parallel_calls_do_not_get_through_a_budget(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database, sign_up: SignUp
) -> None:
    await limited(db, sign_up, client, monthly_tokens=20_000)
    chat_wire.default = lambda _: answer("Hm", ending=Ending.STALL)
    answers: list[httpx.Response] = []

    async def one() -> None:
        answers.append(await client.post(CHAT, json=said("Hi"), headers=LATER))

    async with anyio.create_task_group() as tasks:
        for _ in range(12):
            tasks.start_soon(one)
    with anyio.fail_after(10):
        while (found := (await client.get("/api/runs?state=active")).json())["total"] != len(await open_calls(db)):  # noqa: ASYNC110
            await anyio.sleep(0.02)

    told = await usage(client)
    assert 2 <= found["total"] <= 3
    assert told["tokens_reserved"] == sum(call.tokens for call in await open_calls(db)) <= 20_000
    assert {a.json().get("kind", "tokens") for a in answers} == {"tokens"}


async def test_a_budget_in_dollars_ends_runs_and_refuses_starts(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database, sign_up: SignUp
) -> None:
    await limited(db, sign_up, client, monthly_cost_usd="0.01")
    chat_wire.queue(answer("Dear.", usage=(40_000, 1)))

    first = await streamed(client, CHAT, said("Hi"))
    refused = await client.post(CHAT, json=said("Hi"))

    assert names(first)[-1] == "completed"
    problem = refused.json()
    assert (refused.status_code, problem["kind"], problem["monthly_limit"]) == (429, "cost", 0.01)
    assert problem["message"] == "This month's quota of US$ 0.01 is used up."
    assert (await usage(client))["cost_usd_remaining"] == "0"


async def test_a_price_that_nobody_knows_is_told_apart(client: httpx.AsyncClient, db: Database) -> None:
    await streamed(client, CHAT, {**said("Hi"), "model": "openai/of-the-house"})

    (row,) = await ledger(db)
    told = await usage(client)
    assert row.cost is None
    assert (told["cost_usd_used"], told["unpriced_calls"]) == ("0", 1)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("dies_at", "after"), [(1, True), (2, False), (3, True), (4, False), (5, True)])
async def test_whenever_a_process_dies_each_call_is_entered_once(
    db: Database, chat_wire: ChatWire, dies_at: int, *, after: bool
) -> None:
    owner = await new_owner(db)
    chat_wire.default = lambda seen: (
        answer("Let me ", 0.02, "see. ", Call("search_todos", {"query": "x"}), usage=(100, 10))
        if not any(message["role"] == "tool" for message in seen.messages)
        else answer("It is ", 0.02, "done.", usage=(200, 20))
    )
    async with machine(db, chat_wire) as machines:
        claim = await machines.start(owner, "todo", "go")
        await _run_to_its_end(machines, claim, dies_at, after=after)

    rows = await ledger(db)
    (month,) = await months(db, owner)
    whole = [row for row in rows if row.outcome == "completed"]
    # Whoever dies just before it asks has reserved for a call that nobody has seen: nobody can tell.
    unseen = len(rows) - len(chat_wire.requests)
    assert unseen in {0, 1}
    assert len([row for row in rows if row.outcome == "interrupted" and row.output_tokens == 0]) >= unseen
    assert {(row.turn, row.input_tokens, row.output_tokens) for row in whole} == {(1, 100, 10), (2, 200, 20)}
    assert month.requests == 1
    assert month.calls == len(rows)
    assert month.tokens == sum(row.input_tokens + row.output_tokens for row in rows)
    assert await open_calls(db) == []


async def _run_to_its_end(machines: Machine, claim: Any, dies_at: int, *, after: bool) -> None:
    run_id = claim.run.id
    outcome, _ = await machines.process(run_id, claim, dies_at=dies_at, after=after)
    while outcome is None:
        outcome, _ = await machines.process(run_id)


@pytest.mark.parametrize("loser_tells_first", [True, False])
async def test_a_process_that_lost_its_run_in_the_middle_of_a_call_enters_it_once(
    db: Database, chat_wire: ChatWire, *, loser_tells_first: bool
) -> None:
    owner = await new_owner(db)
    loser_goes_on, winner_goes_on = anyio.Event(), anyio.Event()
    chat_wire.queue(
        answer("Half ", loser_goes_on, "an answer.", ending=Ending.STALL),
        answer("A whole ", winner_goes_on, "one.", usage=(30, 3)),
    )
    outcomes: dict[str, Outcome | None] = {}

    async def execute(who: str, claim: Any = None) -> None:
        outcomes[who], _ = await machines.process(run_id, claim)

    async with machine(db, chat_wire) as machines, anyio.create_task_group() as tasks:
        claim = await machines.start(owner, "chat", "go")
        run_id = claim.run.id
        async with anyio.create_task_group() as losing:
            losing.start_soon(execute, "loser", claim)
            await chat_wire.request(1)
            tasks.start_soon(execute, "winner")
            await chat_wire.request(2)
            if not loser_tells_first:
                winner_goes_on.set()
                while "winner" not in outcomes:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            loser_goes_on.set()
        told = await ledger(db)
        winner_goes_on.set()

    rows = await ledger(db)
    (month,) = await months(db, owner)
    assert outcomes == {"loser": Outcome.LOST, "winner": Outcome.ENDED}
    assert len(told) == (1 if loser_tells_first else 2)
    assert sorted((row.attempt, row.outcome) for row in rows) == [(1, "interrupted"), (2, "completed")]
    assert len(rows) == len(chat_wire.requests) == month.calls
    assert month.tokens == sum(row.input_tokens + row.output_tokens for row in rows)
    assert (month.requests, await open_calls(db)) == (1, [])
