"""Rows that a test needs but is not about."""

import time
from uuid import UUID, uuid4

from sqlalchemy import insert
from uuid_utils.compat import uuid7

from app.domain.accounts.models import UserAccount
from app.domain.runs.models import Run
from app.domain.sessions.models import Session
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.lib.runlog.tables import RunHead


async def a_run(
    db: Database, *, attempt: int, ended: bool = False, owner_id: UUID | None = None, held_by: str | None = None
) -> UUID:
    """A running run on a new session, of a new user where none is named. A server takes it unless somebody holds it."""
    user_id, session_id, run_id = owner_id or uuid7(), uuid7(), uuid7()
    now = SystemClock().now()
    async with db.writing() as db_session:
        if owner_id is None:
            person = {"id": user_id, "email": f"{uuid4().hex}@example.com", "created_at": now, "updated_at": now}
            await db_session.execute(insert(UserAccount).values(person))
        await db_session.execute(
            insert(Session).values(
                id=session_id, owner_id=user_id, key=uuid4().hex, last_active_at=now, created_at=now, updated_at=now
            )
        )
        await db_session.execute(
            insert(Run).values(
                id=run_id,
                owner_id=user_id,
                session_id=session_id,
                session_key="s",
                agent="todo",
                model="demo/todo",
                state="running",
                definition=b"{}",
                input=b"[]",
                history_seq=0,
                time_line="",
                cancel_when_left=False,
                created_at=now,
                updated_at=now,
            )
        )
        head = {"run_id": run_id, "attempt": attempt, "seq": 0, "ended": ended, "owner": held_by or "test"}
        await db_session.execute(insert(RunHead).values(head | {"lease_until": time.time() + 3600 if held_by else 0.0}))
    return run_id
