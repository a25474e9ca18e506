"""A key that is taken away, or whose time is over, in the middle of a run: on every node that is so at once."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from pydantic import SecretStr

from app.lib.clock import FixedClock
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.owners import People, Person, with_vault
from tests.streams import names, only, said, streamed
from tests.valkey import ValkeyServer, valkey_server
from tests.wires.chat import ChatWire
from tests.wires.script import Call, answer

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
CHAT = "/api/agents/chat/invoke"
AT_ONCE = 5.0
"""Seconds for what is a matter of some milliseconds: these nodes share a process, and that a busy machine."""

Nodes = tuple[LiveServer, LiveServer]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    with valkey_server(tmp_path) as server:
        yield server


@pytest.fixture(params=["valkey", "postgres"])
def linked(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Of nodes that reach each other through one or the other."""
    changes: dict[str, Any] = {}
    if request.param == "valkey":
        changes["redis_url"] = SecretStr(request.getfixturevalue("valkey").url)
    return with_vault(settings, **changes)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(datetime.now(UTC))  # noqa: TID251 - whoever signs tokens goes by it too


@pytest.fixture
async def nodes(linked: Settings, clock: FixedClock) -> AsyncIterator[Nodes]:
    async with live_server(linked, clock=clock) as first, live_server(linked, clock=clock) as second:
        yield first, second


async def deleted(person: Person, secret_id: str, _: FixedClock) -> None:
    assert (await person.client.delete(f"/api/secrets/{secret_id}")).status_code == 204


async def disabled(person: Person, secret_id: str, _: FixedClock) -> None:
    patched = await person.client.patch(f"/api/secrets/{secret_id}", json={"disabled": True})
    assert patched.status_code == 200


async def expired(_: Person, __: str, clock: FixedClock) -> None:
    clock.advance(61)


Ended = Callable[[Person, str, FixedClock], Awaitable[None]]


@pytest.mark.parametrize(
    ("ends", "status", "code"),
    [
        pytest.param(deleted, 404, "secret_not_found", id="deleted"),
        pytest.param(disabled, 409, "secret_disabled", id="disabled"),
        pytest.param(expired, 409, "secret_expired", id="expired"),
    ],
)
async def test_no_node_begins_a_call_with_it_and_what_is_under_way_on_another_finishes(
    nodes: Nodes, clock: FixedClock, chat_wire: ChatWire, ends: Ended, status: int, code: str
) -> None:
    go_on = anyio.Event()
    chat_wire.queue(answer("Let me ", go_on, "see. ", Call("get_todo_list", {})))
    told: list[Any] = []
    async with AsyncExitStack() as stack:
        ada = await People(nodes[0], stack).new()
        ada.client.timeout = httpx.Timeout(15)
        there = await stack.enter_async_context(
            httpx.AsyncClient(base_url=nodes[1].url, headers=ada.client.headers, timeout=15)
        )
        until = (clock.now() + timedelta(seconds=60)).isoformat()
        secret_id = await ada.stores(chat_wire.url, expires_at=until)
        body = said("Hello?", model="openai/m", secret_id=secret_id)

        async with anyio.create_task_group() as tasks:

            async def run() -> None:
                told.extend(await streamed(there, CHAT, body))

            tasks.start_soon(run)
            await chat_wire.request()
            await ends(ada, secret_id, clock)
            began = anyio.current_time()
            answers = [await client.post(CHAT, json=body) for client in (there, ada.client)]
            refused_after = anyio.current_time() - began
            go_on.set()
            began = anyio.current_time()
        ended_after = anyio.current_time() - began

    assert [(one.status_code, one.json()["code"]) for one in answers] == [(status, code)] * 2
    assert refused_after < AT_ONCE
    assert only(told, "message").data["content"] == "Let me see. "
    assert (names(told)[-1], told[-1].data["code"]) == ("error", code)
    assert ended_after < AT_ONCE
    assert len(chat_wire.requests) == 1
