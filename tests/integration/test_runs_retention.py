"""Logs that are not kept any more: their runs and what was said in them stay."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import func, select, update

from app.domain.runs.models import Run
from app.domain.runs.retention import RUNS_AT_ONCE, Retention
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.lib.runlog.tables import RunLogRow, RunStep
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.rows import a_run
from tests.sockets import socket_of
from tests.streams import followed, names, only, said, streamed

TODO = "/api/todos/agent-create/stream"
DAYS = 30


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(settings) as running:
        yield running


def retention(db: Database) -> Retention:
    return Retention(db, SystemClock(), days=DAYS)


async def grow_old(db: Database, days: float = DAYS + 1) -> None:
    async with db.writing() as db_session:
        ended = SystemClock().now() - timedelta(days=days)
        await db_session.execute(update(Run).where(Run.ended_at.is_not(None)).values(ended_at=ended))


async def counts(db: Database) -> tuple[int, int, int]:
    async with db.reading() as db_session:
        rows = [await db_session.scalar(select(func.count()).select_from(table)) for table in (Run, RunLogRow, RunStep)]
    return rows[0] or 0, rows[1] or 0, rows[2] or 0


async def test_an_old_log_goes_and_the_run_stays(client: httpx.AsyncClient, db: Database) -> None:
    events = await streamed(client, TODO, said("add buy milk", session_id="shopping"))
    run_id = events[0].data["run_id"]
    before = (await client.get(f"/api/runs/{run_id}")).json()
    history = (await client.get("/api/sessions/shopping/history")).json()
    await grow_old(db)

    assert await retention(db).purge() == 1
    assert await retention(db).purge() == 0

    assert await counts(db) == (1, 0, 0)
    after = (await client.get(f"/api/runs/{run_id}")).json()
    assert {**after, "ended_at": None} == {**before, "ended_at": None}
    assert (await client.get("/api/sessions/shopping/history")).json() == history
    exported = await client.get("/api/sessions/shopping/export")
    assert "buy milk" in exported.text
    assert exported.json()["runs"][0]["history"]


@pytest.mark.parametrize("after", [0, 2, 9999])
async def test_who_follows_it_is_told_how_it_ended(client: httpx.AsyncClient, db: Database, after: int) -> None:
    run_id = (await streamed(client, TODO, said("add buy milk")))[0].data["run_id"]
    await grow_old(db)
    await retention(db).purge()

    events = await followed(client, run_id, after)

    assert names(events) == ["reset"]
    reset = only(events, "reset")
    run = reset.data["run"]
    assert reset.id is None
    assert (reset.data["reason"], run["id"], run["state"]) == ("log_purged", run_id, "completed")
    assert reset.data["text"] == run["final_message"]
    assert reset.data["next_seq"] == run["last_seq"] + 1
    done = await client.get(f"/api/runs/{run_id}/events", headers={"Last-Event-ID": str(run["last_seq"])})
    assert done.status_code == 204


async def test_a_socket_is_told_the_same(client: httpx.AsyncClient, db: Database) -> None:
    run_id = (await streamed(client, TODO, said("add buy milk")))[0].data["run_id"]
    await grow_old(db)
    await retention(db).purge()

    async with socket_of(client) as socket:
        assert (await socket.ok("follow", run_id=run_id))["id"] == run_id
        reset = await socket.hear()

    assert (reset["event"], reset["data"]["reason"]) == ("reset", "log_purged")


async def test_a_young_log_and_a_live_run_are_kept(client: httpx.AsyncClient, db: Database) -> None:
    await streamed(client, TODO, said("add buy milk"))
    await a_run(db, attempt=1)
    await grow_old(db, days=DAYS - 1)
    kept = await counts(db)

    assert await retention(db).purge() == 0

    assert await counts(db) == kept


async def test_many_old_logs_go_a_few_at_a_time(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.domain.runs.retention.PAUSE_SECONDS", 0.0)
    many = RUNS_AT_ONCE * 2 + 1
    old = SystemClock().now() - timedelta(days=DAYS + 1)
    for _ in range(many):
        run_id = await a_run(db, attempt=1, ended=True)
        async with db.writing() as db_session:
            await db_session.execute(update(Run).where(Run.id == run_id).values(ended_at=old, state="completed"))
            db_session.add(RunLogRow(run_id=run_id, last_seq=1, n=1, frames=b""))

    assert await retention(db).purge() == many

    assert await counts(db) == (many, 0, 0)


async def test_nothing_goes_where_logs_are_kept_for_ever(client: httpx.AsyncClient, db: Database) -> None:
    await streamed(client, TODO, said("add buy milk"))
    await grow_old(db, days=36_000)
    kept = await counts(db)

    await Retention(db, SystemClock(), days=0).run()

    assert await counts(db) == kept


async def test_a_cursor_ahead_of_a_log_gets_the_log_from_its_beginning(client: httpx.AsyncClient) -> None:
    events = await streamed(client, TODO, said("add buy milk"))
    run_id = events[0].data["run_id"]

    again = await followed(client, run_id, after=9999)

    assert (again[0].event, again[0].data["reason"], again[0].data["next_seq"]) == ("reset", "cursor_ahead", 1)
    assert [e.id for e in again[1:]] == [e.id for e in events if e.id is not None]
