"""Runs down to the rows, as the service uses them."""

from typing import Any
from uuid import UUID

import anyio
from uuid_utils.compat import uuid7

from app.domain.runs.repository import RunRepository
from app.domain.runs.service import Runs
from app.domain.sessions.service import SessionService
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.lib.runlog.frames import parse, split
from app.lib.runlog.tables import RunStep
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.people import new_owner

OFTEN = 8
"""After five times PostgreSQL plans a statement for any values, which it then must understand without them."""


def a_queued_run(owner: UUID, session_id: UUID) -> dict[str, Any]:
    now = SystemClock().now()
    return {
        "id": uuid7(),
        "owner_id": owner,
        "session_id": session_id,
        "session_key": "s",
        "agent": "chat",
        "model": "demo/todo",
        "state": "queued",
        "definition": b"{}",
        "input": b"[]",
        "history_seq": 0,
        "time_line": "",
        "replaces": None,
        "secret_id": None,
        "cancel_when_left": False,
        "origin": None,
        "created_at": now,
        "updated_at": now,
        "started_at": None,
    }


async def test_one_connection_stores_run_after_run(db: Database) -> None:
    owner = await new_owner(db)

    stored = []
    async with db.writing() as db_session:
        for _ in range(OFTEN):
            session = await SessionService.open(db_session, owner).get_or_create(None)
            stored.append(await RunRepository(db_session).add(a_queued_run(owner, session.id), "test", 15.0))

    assert stored == [True] * OFTEN


async def test_a_session_takes_one_active_run_at_a_time(db: Database) -> None:
    owner = await new_owner(db)

    async with db.writing() as db_session:
        session = await SessionService.open(db_session, owner).get_or_create(None)
        runs = RunRepository(db_session)
        stored = [await runs.add(a_queued_run(owner, session.id), "test", 15.0) for _ in range(OFTEN)]

    assert stored == [True] + [False] * (OFTEN - 1)


async def an_abandoned_run(db: Database, owner: UUID) -> UUID:
    """As a process leaves it that died with it: its lease is over."""
    async with db.writing() as db_session:
        session = await SessionService.open(db_session, owner).get_or_create(None)
        run = {**a_queued_run(owner, session.id), "state": "running"}
        assert await RunRepository(db_session).add(run, "dead", -1.0)
    run_id: UUID = run["id"]
    return run_id


async def events_of_ended(server: LiveServer, run_id: UUID) -> list[tuple[int, bytes]]:
    """The numbers and names of the run's events, once it has ended."""
    runs: Runs = server.app.state.runs
    with anyio.fail_after(10):
        async with runs.following(run_id, after=0) as cursor:
            await cursor.end()
            frames = b""
            while data := await cursor.read():
                frames += data
    return [parse(one)[:2] for one in split(frames)]


async def test_a_run_that_died_before_its_first_event_has_one_all_the_same(db: Database, settings: Settings) -> None:
    run_id = await an_abandoned_run(db, await new_owner(db))

    async with live_server(settings) as server:
        events = await events_of_ended(server, run_id)

    assert events == [(1, b"session_initialized"), (2, b"error")]


async def test_a_step_that_cannot_be_read_keeps_no_run_from_its_end(db: Database, settings: Settings) -> None:
    owner = await new_owner(db)
    unreadable, other = await an_abandoned_run(db, owner), await an_abandoned_run(db, owner)
    async with db.writing() as db_session:
        db_session.add(RunStep(run_id=unreadable, scope="", turn=1, kind="model", position=0, payload=b"{}"))

    async with live_server(settings) as server:
        ends = [(await events_of_ended(server, run_id))[-1][1] for run_id in (unreadable, other)]

    assert ends == [b"error", b"error"]
