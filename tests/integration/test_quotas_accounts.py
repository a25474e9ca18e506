"""Whatever becomes of runs, in whatever order: the ledger, what users are told, and what the provider did agree."""

import sys
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, ClassVar

import anyio
import anyio.from_thread
import anyio.to_thread
import httpx
import pytest
from hypothesis import HealthCheck
from hypothesis import settings as effort
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.domain.runs.execution import Stop
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.lib.resilience import breaker
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.limits import id_of, ledger, open_calls, usage
from tests.streams import followed, names, said, shown, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, answer, refusal

MODEL = "openai/gpt-5-mini"
LATER = {"Prefer": "respond-async"}
Tokens = tuple[int, int]
TOKENS = st.tuples(st.integers(1, 100_000), st.integers(0, 5_000))
SHORT = pytest.param(3, 8, id="short", marks=pytest.mark.timeout(120))
LONG = pytest.param(60, 25, id="long", marks=[pytest.mark.soak, pytest.mark.timeout(1800)])


@pytest.fixture(autouse=True)
def _no_breaker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each month is another user's: after three that fail first the provider would be left alone."""
    monkeypatch.setattr(breaker, "MIN_CALLERS", sys.maxsize)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": MODEL})
    async with live_server(settings, registry=Registry({"openai": own})) as running:
        yield running


class Month:
    """One new user, what the provider told them, and how often it was asked."""

    def __init__(self, server: LiveServer, wire: ChatWire, db: Database, client: httpx.AsyncClient) -> None:
        self.server = server
        self.wire = wire
        self.db = db
        self.client = client
        self.before = len(wire.requests)
        self.starts = 0
        self.told = 0
        self.runs: set[str] = set()
        """Those that one attempt has ended: their own sums are the ledger's."""

    async def run(self, agent: str, *scripts: Any, streams: bool, whole: list[Tokens]) -> str:
        """Start a run that the provider answers so, and wait for its end. Returns how it ended."""
        self.wire.queue(*scripts)
        self.starts += 1
        self.told += sum(map(sum, whole))
        path = f"/api/agents/{agent}/invoke"
        if streams:
            events = await streamed(self.client, path, said("go"))
            self.runs.add(events[0].data["run_id"])
            return names(events)[-1]
        run = (await self.client.post(path, json=said("go"), timeout=15)).json()
        self.runs.add(run["id"])
        return str(run["state"])

    async def sturdy(self) -> str:
        agent = {"name": "Sturdy", "instructions": "Go on.", "model": MODEL, "fallback_models": ["openai/gpt-5-nano"]}
        return str((await self.client.post("/api/agents", json=agent)).json()["id"])

    async def stalled(self) -> str:
        """A run in the middle of an answer."""
        self.wire.queue(answer("Half an answer", ending=Ending.STALL))
        self.starts += 1
        run = await self.client.post("/api/agents/chat/invoke", json=said("go"), headers=LATER)
        async with self.client.stream("GET", f"{run.headers['location']}/events") as response:
            await shown(response, "Half an answer")
        return str(run.json()["id"])

    async def cancel(self) -> None:
        run_id = await self.stalled()
        await self.client.post(f"/api/runs/{run_id}/cancel")
        self.runs.add(run_id)

    async def interrupt(self, tokens: Tokens) -> None:
        """Its process gives it back in the middle, and somebody goes on with it."""
        run_id = await self.stalled()
        self.wire.queue(answer("A whole one.", usage=tokens))
        self.told += sum(tokens)
        (execution,) = self.server.app.state.runs._engine._executor.active.values()
        execution.stop(Stop.LEAVING)
        assert names(await followed(self.client, run_id))[-1] == "completed"

    async def agrees(self) -> None:
        rows = [row for row in await ledger(self.db) if row.user_id == id_of(self.client)]
        status = await usage(self.client)
        sums = [row.input_tokens + row.output_tokens for row in rows]
        assert len(rows) == status["provider_calls"] == len(self.wire.requests) - self.before
        assert status["requests_used"] == self.starts
        assert status["tokens_used"] == sum(sums)
        assert sum(n for n, row in zip(sums, rows, strict=True) if row.source == "provider") == self.told
        assert round(float(status["cost_usd_used"]) * 1e12) == sum(row.cost or 0 for row in rows)
        assert await open_calls(self.db) == []
        for run_id in self.runs:
            told = (await self.client.get(f"/api/runs/{run_id}")).json()["usage"]
            of_run = [n for n, row in zip(sums, rows, strict=True) if str(row.run_id) == run_id]
            assert told["input_tokens"] + told["output_tokens"] == sum(of_run)
        history = (await self.client.get("/api/usage/history?group_by=model")).json()["items"]
        assert sum(group["input_tokens"] + group["output_tokens"] for group in history) == sum(sums)


class Accounts(RuleBasedStateMachine):
    """Hypothesis works in a thread of its own; what it does happens in the test's event loop."""

    new_month: ClassVar[Any]

    def __init__(self) -> None:
        super().__init__()
        self.month: Month = anyio.from_thread.run(type(self).new_month)

    def _run(self, agent: str, *scripts: Any, streams: bool, whole: list[Tokens]) -> str:
        ended: str = anyio.from_thread.run(partial(self.month.run, agent, *scripts, streams=streams, whole=whole))
        return ended

    @rule(streams=st.booleans(), tokens=TOKENS)
    def finishes(self, *, streams: bool, tokens: Tokens) -> None:
        assert self._run("chat", answer("There.", usage=tokens), streams=streams, whole=[tokens]) == "completed"

    @rule(streams=st.booleans(), first=TOKENS, second=TOKENS)
    def uses_a_tool(self, *, streams: bool, first: Tokens, second: Tokens) -> None:
        scripts = answer(Call("search_todos", {"query": "milk"}), usage=first), answer("None.", usage=second)
        assert self._run("todo", *scripts, streams=streams, whole=[first, second]) == "completed"

    @rule(streams=st.booleans())
    def fails(self, *, streams: bool) -> None:
        assert self._run("chat", refusal(400), streams=streams, whole=[]) in {"error", "failed"}

    @rule(streams=st.booleans())
    def is_cut_off(self, *, streams: bool) -> None:
        cut = answer("Half an answ", ending=Ending.DROP)
        assert self._run("chat", cut, streams=streams, whole=[]) in {"error", "failed"}

    @rule(streams=st.booleans(), tokens=TOKENS)
    def is_retried(self, *, streams: bool, tokens: Tokens) -> None:
        scripts = refusal(503), answer("There.", usage=tokens)
        assert self._run("chat", *scripts, streams=streams, whole=[tokens]) == "completed"

    @rule(streams=st.booleans(), tokens=TOKENS)
    def falls_back(self, *, streams: bool, tokens: Tokens) -> None:
        agent = anyio.from_thread.run(self.month.sturdy)
        scripts = refusal(401), answer("There.", usage=tokens)
        assert self._run(agent, *scripts, streams=streams, whole=[tokens]) == "completed"

    @rule()
    def is_cancelled(self) -> None:
        anyio.from_thread.run(self.month.cancel)

    @rule(tokens=TOKENS)
    def is_interrupted(self, tokens: Tokens) -> None:
        anyio.from_thread.run(self.month.interrupt, tokens)

    @invariant()
    def agrees(self) -> None:
        anyio.from_thread.run(self.month.agrees)


@pytest.mark.parametrize(("examples", "steps"), [SHORT, LONG])
async def test_all_accounts_agree(
    server: LiveServer, chat_wire: ChatWire, db: Database, sign_up: SignUp, *, examples: int, steps: int
) -> None:
    async def new_month() -> Month:
        return Month(server, chat_wire, db, await sign_up())

    machine = type("Machine", (Accounts,), {"new_month": staticmethod(new_month)})
    how = effort(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=examples < 10,
        database=None,
        suppress_health_check=[*HealthCheck],
    )
    await anyio.to_thread.run_sync(partial(run_state_machine_as_test, machine, settings=how))
