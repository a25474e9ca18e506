"""Runs down to the rows, as the service uses them."""

from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from app.domain.runs.repository import RunRepository
from app.domain.sessions.service import SessionService
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
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
        "cancel_when_left": False,
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
