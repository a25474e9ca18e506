"""SQL on what users consume. What every start and call needs is text: SQLAlchemy compiles its own too slowly."""

from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, CursorResult, Executable, Table, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from uuid_utils.compat import uuid7

from app.domain.quotas.models import LedgerEntry, OpenCall, RateWindow, UsageMonth
from app.domain.quotas.repository.holding import NOW, ON_CONFLICT, hold, lock, look
from app.domain.quotas.schemas import Call, Said, Spent, Used
from app.lib.db.insert import insert_or
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, standing

_MONTH, _WINDOW, _CALL, _LEDGER = (
    cast("Table", table.__table__) for table in (UsageMonth, RateWindow, OpenCall, LedgerEntry)
)
_COUNTS = Used.__struct_fields__
_USER = _MONTH.c.user_id.type

_ADD = insert_or(_MONTH, ["user_id", "month", *_COUNTS], ON_CONFLICT, [*_COUNTS])

_CALL_FIELDS = [name for name in Call.__struct_fields__ if name != "max_output_tokens"]
_CALL_COLUMNS = [_CALL.c[name] for name in _CALL_FIELDS]
_CALL_KEY = ("run_id", "attempt", "scope", "turn", "number")
_USAGE_FIELDS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "source")
_OPEN = insert(_CALL)
_CLOSE = delete(_CALL).where(*(_CALL.c[name] == bindparam(f"of_{name}") for name in _CALL_KEY))
_CLOSE_RUN = delete(_CALL).where(_CALL.c.run_id == bindparam("of_run")).returning(*_CALL_COLUMNS)
_ENTER = insert_or(_LEDGER, [*(c.name for c in _LEDGER.c)], "(run_id, attempt, scope, turn, number) DO NOTHING", ["id"])
_LOOK = text(f"""
SELECT cardinality(kept), kept[greatest(least(cardinality(kept) - :most, cardinality(kept) - 1), 0) + 1], {NOW}
FROM (SELECT array(SELECT t FROM unnest(w.times) t WHERE t > {NOW} - {WINDOW_SECONDS} ORDER BY t) AS kept
    FROM rate_window w WHERE w.user_id = :user_id) AS of_user
""").bindparams(bindparam("user_id", type_=_USER), bindparam("most", type_=BigInteger()))  # noqa: S608 - constants


class UsageRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session
        self._connection: AsyncConnection | None = None

    async def _execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """In the session's transaction, without what the session does for objects: a third of a statement's cost."""
        return await (await self._connected()).execute(statement, values)

    async def _connected(self) -> AsyncConnection:
        if self._connection is None:
            self._connection = await self._db_session.connection()
        return self._connection

    async def add(self, user_id: UUID, month: str, **counts: int) -> Used:
        """Count, and hold the user's row until the transaction ends. Returns what is counted then.

        Nothing added is a way to hold it.
        """
        row = {"user_id": user_id, "month": month, **dict.fromkeys(_COUNTS, 0), **counts}
        return Used(**(await self._execute(_ADD, row)).mappings().one())

    async def of_month(self, user_id: UUID, month: str) -> Used:
        columns = [_MONTH.c[name] for name in _COUNTS]
        found = await self._execute(select(*columns).where(UsageMonth.user_id == user_id, UsageMonth.month == month))
        row = found.mappings().one_or_none()
        return Used() if row is None else Used(**row)

    async def said(self, user_id: UUID, active_runs: str = "0") -> Said:
        """`active_runs` is a query for their number, of `:user_id`: those who own the rows know it."""
        return Said(**(await self._execute(look(active_runs), {"user_id": user_id})).mappings().one())

    async def lock(self, user_id: UUID) -> None:
        """Until the transaction ends nobody else's start or call is let through. Before the user's other rows."""
        await lock(await self._connected(), user_id)

    async def hold(self, user_id: UUID, month: str) -> tuple[Used, Said]:
        """Lock, hold the user's row as `add` does, and then look: so nothing that is seen changes meanwhile."""
        connection = await self._connected()
        used, said, _ = await hold(connection, user_id, month, requests=0, active_runs="0", starts=None)
        return used, said

    async def begin(
        self, user_id: UUID, month: str, active_runs: str, *, starts: int | None = None
    ) -> tuple[Used, Said, Taken | None]:
        """The same for a start, which is counted.

        With `starts`, what the settings let begin in a minute, one is also taken of the window that the database keeps.
        """
        connection = await self._connected()
        used, said, taken = await hold(connection, user_id, month, requests=1, active_runs=active_runs, starts=starts)
        if starts is not None and taken is None:
            limit = starts if said.rate_limit_per_minute is None else said.rate_limit_per_minute
            # There was no room, even if there is by now.
            taken = msgspec.structs.replace(await self.look_at_starts(user_id, limit), passed=False)
        return used, said, taken

    # Calls

    async def open(self, call: Call, *, tokens: int, cost: int) -> None:
        row = {name: getattr(call, name) for name in _CALL_FIELDS}
        await self._execute(_OPEN, {**row, "tokens": tokens, "cost": cost})

    async def close(self, calls: list[Call]) -> None:
        """Give back what is reserved for these."""
        if calls:
            rows = [{f"of_{name}": getattr(call, name) for name in _CALL_KEY} for call in calls]
            await self._execute(_CLOSE, rows)

    async def opened(self, run_id: UUID) -> list[Call]:
        """The calls of a run that nobody has closed, the oldest first."""
        query = select(*_CALL_COLUMNS).where(OpenCall.run_id == run_id).order_by(OpenCall.attempt, OpenCall.number)
        return [Call(**row) for row in (await self._execute(query)).mappings()]

    async def close_run(self, run_id: UUID) -> list[Call]:
        """Give back all that is reserved for a run. Returns what was still open."""
        rows = await self._execute(_CLOSE_RUN, {"of_run": run_id})
        return [Call(**row) for row in rows.mappings()]

    async def close_session(self, user_id: UUID, session_key: str) -> list[Call]:
        """The same of all runs of a session."""
        closed = (
            delete(OpenCall)
            .where(OpenCall.user_id == user_id, OpenCall.session_key == session_key)
            .returning(*_CALL_COLUMNS)
        )
        return [Call(**row) for row in (await self._execute(closed)).mappings()]

    async def enter(self, spent: Spent, *, cost: int | None, day: str) -> bool:
        """Write a call into the ledger; False where it is there already."""
        call, usage = spent.call, spent.usage
        row = {name: getattr(call, name) for name in _CALL_FIELDS}
        row |= {"id": uuid7(), "provider": call.model.partition("/")[0], "day": day, "cost": cost}
        row |= {name: getattr(usage, name) for name in _USAGE_FIELDS}
        row |= {
            "outcome": spent.outcome,
            "error": spent.error,
            "duration_ms": spent.duration_ms,
            "first_token_ms": spent.first_token_ms,
        }
        return (await self._execute(_ENTER, row)).first() is not None

    # The window of starts, where the database keeps it

    async def look_at_starts(self, user_id: UUID, limit: int) -> Taken:
        found = (await self._execute(_LOOK, {"user_id": user_id, "most": limit})).one_or_none()
        used, leaves_at, now = found or (0, None, 0.0)
        return standing(used, leaves_at, now, limit, passed=used < limit)
