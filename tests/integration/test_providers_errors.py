"""Everything that goes wrong with a provider, on every wire: what its adapter says, what a run makes of it and stores.

All rows of the table are played at once, so that those who wait do so together.
"""

from collections.abc import AsyncIterator
from typing import NamedTuple

import anyio
import httpx
import pytest

from app.lib.providers.calling import Timeouts
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import Adapter, ModelCall
from app.lib.providers.registry import Registry
from app.lib.resilience import backoff
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.limits import UNLIMITED
from tests.streams import followed, said, streamed, text
from tests.wires.chat import LOCAL, ChatWire, Seen
from tests.wires.dialects import DIALECTS, KEY, NO, Dialect
from tests.wires.script import Script
from tests.wires.troubles import RETRYABLE, TRIED_AGAIN, Trouble, troubles_of

CHAT = "/api/agents/chat/invoke"
AT_ONCE = 6
IDLE = Timeouts(idle=1.0)
each_wire = pytest.mark.parametrize("dialect", DIALECTS, ids=[dialect.provider for dialect in DIALECTS])


def make(wire: ChatWire, dialect: Dialect) -> None:
    """Play each of the troubles to whoever asks for it by its name."""

    def trouble(trouble: Trouble) -> None:
        asked: list[Seen] = []

        def script(seen: Seen) -> Script:
            asked.append(seen)
            return trouble.script(dialect) if len(asked) == 1 or not trouble.once else dialect.answer("Here I am.")

        wire.when(lambda seen: f"({trouble.name})".encode() in seen.raw, script)

    for each in troubles_of(dialect):
        trouble(each)


class Said(NamedTuple):
    """By an adapter."""

    text: str
    kind: str
    status: int | None
    retry_after: float | None
    retryable: bool
    shows_nothing: bool = True


@each_wire
async def test_an_adapter_says_what_went_wrong(dialect: Dialect) -> None:
    found: dict[str, Said] = {}

    async def ask(adapter: Adapter, trouble: Trouble) -> None:
        question = [{"role": "user", "content": f"({trouble.name})"}]
        told = ""
        try:
            async with adapter.stream(ModelCall(model=dialect.model, instructions=None, items=question)) as stream:
                async for delta in stream:
                    told += delta.text
        except ProviderError as error:
            shown = f"{error.detail} {error!r} {vars(error)}"
            found[trouble.name] = Said(
                told, error.reason, error.status, error.retry_after, error.retryable, KEY not in shown
            )

    async with dialect.serve() as wire, Registry(timeouts=IDLE, egress=LOCAL) as registry:
        make(wire, dialect)
        adapter, _ = registry.adapter(f"{dialect.provider}/{dialect.model}", dialect.credential(wire))
        async with anyio.create_task_group() as tasks:
            for trouble in troubles_of(dialect):
                tasks.start_soon(ask, adapter, trouble)

    assert found == {
        each.name: Said(each.said, kind, each.status, each.retry_after, kind in RETRYABLE)
        for each, kind in ((each, each.kind_for(dialect)) for each in troubles_of(dialect))
    }
    assert len(wire.requests) == len(found)


class Told(NamedTuple):
    """To a reader of a run, and stored."""

    tries: list[str]
    """Why it was asked again."""
    end: str
    problem: tuple[int, str, bool] | None
    """Status, code, whether to try again is of use."""
    text: str
    partial: str | None
    state: str
    stored: str | None
    usage: str
    """Of all its calls: `none`, or by whom it was told."""
    waits: bool = True
    """As long as the provider wants, at least."""
    shows_nothing: bool = True
    is_stored: bool = True
    """The log says the same to who comes later."""


def expected(trouble: Trouble, kind: str) -> Told:
    if trouble.once:
        usage = "estimated" if trouble.began else "provider"
        return Told([kind], "completed", None, "Here I am.", None, "completed", "Here I am.", usage)
    tries = [] if trouble.said or kind not in TRIED_AGAIN else [kind] * 2
    problem = 502, "provider_unavailable", kind in RETRYABLE
    usage = "estimated" if trouble.began else "none"
    return Told(tries, "error", problem, trouble.said, trouble.said, "failed", trouble.said, usage)


async def told(client: httpx.AsyncClient, trouble: Trouble) -> Told:
    events = await streamed(client, CHAT, said(f"({trouble.name})"))
    run_id = events[0].data["run_id"]
    run = (await client.get(f"/api/runs/{run_id}")).json()
    again = [event.data for event in events if event.event == "retrying"]
    end = events[-1].data
    return Told(
        tries=[each["reason"] for each in again],
        end=events[-1].event,
        problem=(end["status"], end["code"], end["retryable"]) if "status" in end else None,
        text=text(events),
        partial=end.get("partial_message"),
        state=run["state"],
        stored=run["final_message"],
        usage=run["usage"]["source"] if run["usage"]["input_tokens"] else "none",
        waits=all(each["delay_ms"] >= (trouble.retry_after or 0) * 1000 for each in again),
        shows_nothing=NO not in str(events) + str(run),
        is_stored=await followed(client, run_id) == events,
    )


@pytest.fixture
async def server(settings: Settings, dialect: Dialect) -> AsyncIterator[LiveServer]:
    """With the fake provider of the test's dialect as the operator's own."""
    settings = settings.model_copy(update=UNLIMITED | {"default_model": f"{dialect.provider}/{dialect.model}"})
    async with dialect.serve() as wire:
        make(wire, dialect)
        registry = Registry({dialect.provider: dialect.credential(wire, lent=True)}, timeouts=IDLE)
        async with live_server(settings, registry=registry) as running:
            yield running


@each_wire
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_run_tells_and_stores_what_went_wrong(
    client: httpx.AsyncClient, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backoff, "BASE_SECONDS", 0.01)
    found: dict[str, Told] = {}
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def run(trouble: Trouble) -> None:
        async with limit:
            found[trouble.name] = await told(client, trouble)

    async with anyio.create_task_group() as tasks:
        for trouble in sorted(troubles_of(dialect), key=lambda each: not each.once):
            tasks.start_soon(run, trouble)

    assert found == {each.name: expected(each, each.kind_for(dialect)) for each in troubles_of(dialect)}
