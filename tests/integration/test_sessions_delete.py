"""What goes with a session, and what stays."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest
from sqlalchemy import func, select

from app.domain.agents.tools.models import ToolEffect
from app.domain.runs.models import Run
from app.domain.sessions.models import SessionItem
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.lib.runlog.tables import RunHead, RunLogRow, RunStep
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import events_of, said, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import Call, answer

TODO = "/api/todos/agent-create/stream"
TABLES: tuple[type[Any], ...] = (Run, RunHead, RunLogRow, RunStep, SessionItem, ToolEffect)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": own}, demo_words_per_second=10_000)) as running:
        yield running


async def rows(db: Database) -> dict[str, int]:
    async with db.reading() as db_session:
        return {
            table.__tablename__: await db_session.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        }


async def test_runs_logs_and_what_tools_noted_go_with_a_session(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database
) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": "buy milk"})), answer("Noted."))
    events = await streamed(client, TODO, said("add buy milk", session_id="s"))
    assert all((await rows(db)).values())

    assert (await client.delete("/api/sessions/s")).status_code == 204

    assert await rows(db) == dict.fromkeys((table.__tablename__ for table in TABLES), 0)
    assert (await client.get(f"/api/runs/{events[0].data['run_id']}")).status_code == 404
    assert (await client.get("/api/todos")).json()["total"] == 1


async def test_what_still_runs_is_cancelled_and_its_readers_hear_of_it(
    client: httpx.AsyncClient, chat_wire: ChatWire, db: Database
) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Half an ", held))
    started = await client.post(
        "/api/agents/chat/invoke", json=said("go", session_id="s"), headers={"Prefer": "respond-async"}
    )
    async with client.stream("GET", f"/api/runs/{started.json()['id']}/events", timeout=15) as response:
        reading = events_of(response)
        while (await anext(reading)).event != "message_delta":
            pass

        deleted = await client.delete("/api/sessions/s")

        rest = [event.event async for event in reading]
    held.set()
    assert deleted.status_code == 204
    assert rest[-1] == "cancelled"
    assert await rows(db) == dict.fromkeys((table.__tablename__ for table in TABLES), 0)


async def test_deleting_twice_at_once_deletes_once(client: httpx.AsyncClient) -> None:
    await streamed(client, TODO, said("hello", session_id="s"))
    statuses: list[int] = []

    async def delete() -> None:
        statuses.append((await client.delete("/api/sessions/s")).status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(delete)
        tasks.start_soon(delete)

    assert sorted(statuses) == [204, 404]


async def test_the_id_is_free_again(client: httpx.AsyncClient) -> None:
    await streamed(client, TODO, said("first", session_id="s"))
    await client.delete("/api/sessions/s")

    await streamed(client, TODO, said("second", session_id="s"))

    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [entry["content"] for entry in history if entry["role"] == "user"] == ["second"]
