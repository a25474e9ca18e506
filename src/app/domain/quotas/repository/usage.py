"""SQL on what users consume. What every start and call needs is text: SQLAlchemy compiles its own too slowly."""

from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import BigInteger, Table, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.domain.quotas.models import LedgerEntry, OpenCall, RateWindow, UsageMonth
from app.domain.quotas.schemas import Call, Said, Spent, Used
from app.lib.db.insert import insert_or
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, standing

_MONTH, _WINDOW, _CALL, _LEDGER = (
    cast("Table", table.__table__) for table in (UsageMonth, RateWindow, OpenCall, LedgerEntry)
)
_COUNTS = Used.__struct_fields__
_USER = _MONTH.c.user_id.type

_ADD = insert_or(
    _MONTH,
    ["user_id", "month", *_COUNTS],
    "(user_id, month) DO UPDATE SET " + ", ".join(f"{name} = usage_month.{name} + excluded.{name}" for name in _COUNTS),
    [*_COUNTS],
)
_LIMITS = ("rate_limit_per_minute", "concurrent_runs", "monthly_requests", "monthly_tokens", "monthly_cost")
_SAID = text(f"""
SELECT {", ".join(f"coalesce(u.{name}, r.{name}) AS {name}" for name in _LIMITS)},
    CAST(coalesce((SELECT sum(c.tokens) FROM open_call c WHERE c.user_id = :user_id), 0) AS bigint) AS reserved_tokens,
    CAST(coalesce((SELECT sum(c.cost) FROM open_call c WHERE c.user_id = :user_id), 0) AS bigint) AS reserved_cost
FROM (SELECT 1 AS one) AS always
LEFT JOIN quota u ON u.user_id = :user_id
LEFT JOIN quota r ON r.role = (SELECT a.role FROM user_account a WHERE a.id = :user_id)
""").bindparams(bindparam("user_id", type_=_USER))  # noqa: S608 - constants
_CALL_FIELDS = [name for name in Call.__struct_fields__ if name != "max_output_tokens"]
_CALL_COLUMNS = [_CALL.c[name] for name in _CALL_FIELDS]
_CALL_KEY = ("run_id", "attempt", "scope", "turn", "number")
_USAGE_FIELDS = ("input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens", "source")
_OPEN = insert(_CALL)
_CLOSE = delete(_CALL).where(*(_CALL.c[name] == bindparam(f"of_{name}") for name in _CALL_KEY))
_CLOSE_RUN = delete(_CALL).where(_CALL.c.run_id == bindparam("of_run")).returning(*_CALL_COLUMNS)
_ENTER = insert_or(_LEDGER, [*(c.name for c in _LEDGER.c)], "(run_id, attempt, scope, turn, number) DO NOTHING", ["id"])
_NOW = "extract(epoch FROM clock_timestamp())::float8"
_TAKE = text(f"""
INSERT INTO rate_window AS w (user_id, times) VALUES (:user_id, ARRAY[{_NOW}])
ON CONFLICT (user_id) DO UPDATE
    SET times = array(SELECT t FROM unnest(w.times) t WHERE t > {_NOW} - {WINDOW_SECONDS} ORDER BY t) || {_NOW}
    WHERE (SELECT count(*) FROM unnest(w.times) t WHERE t > {_NOW} - {WINDOW_SECONDS}) < :most
RETURNING times, {_NOW}
""").bindparams(bindparam("user_id", type_=_USER), bindparam("most", type_=BigInteger()))  # noqa: S608 - constants
_LOOK = text(f"SELECT times, {_NOW} FROM rate_window WHERE user_id = :user_id").bindparams(  # noqa: S608 - constants
    bindparam("user_id", type_=_USER)
)


class UsageRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def add(self, user_id: UUID, month: str, **counts: int) -> Used:
        """Count, and hold the user's row until the transaction ends. Returns what is counted then.

        Nothing added is a way to hold it.
        """
        row = {"user_id": user_id, "month": month, **dict.fromkeys(_COUNTS, 0), **counts}
        return Used(**(await self._db_session.execute(_ADD, row)).mappings().one())

    async def of_month(self, user_id: UUID, month: str) -> Used:
        columns = [_MONTH.c[name] for name in _COUNTS]
        found = await self._db_session.execute(
            select(*columns).where(UsageMonth.user_id == user_id, UsageMonth.month == month)
        )
        row = found.mappings().one_or_none()
        return Used() if row is None else Used(**row)

    async def said(self, user_id: UUID) -> Said:
        return Said(**(await self._db_session.execute(_SAID, {"user_id": user_id})).mappings().one())

    # Calls

    async def open(self, call: Call, *, tokens: int, cost: int) -> None:
        row = {name: getattr(call, name) for name in _CALL_FIELDS}
        await self._db_session.execute(_OPEN, {**row, "tokens": tokens, "cost": cost})

    async def close(self, calls: list[Call]) -> None:
        """Give back what is reserved for these."""
        if calls:
            rows = [{f"of_{name}": getattr(call, name) for name in _CALL_KEY} for call in calls]
            await self._db_session.execute(_CLOSE, rows)

    async def opened(self, run_id: UUID) -> list[Call]:
        """The calls of a run that nobody has closed, the oldest first."""
        query = select(*_CALL_COLUMNS).where(OpenCall.run_id == run_id).order_by(OpenCall.attempt, OpenCall.number)
        return [Call(**row) for row in (await self._db_session.execute(query)).mappings()]

    async def close_run(self, run_id: UUID) -> list[Call]:
        """Give back all that is reserved for a run. Returns what was still open."""
        rows = await self._db_session.execute(_CLOSE_RUN, {"of_run": run_id})
        return [Call(**row) for row in rows.mappings()]

    async def close_session(self, user_id: UUID, session_key: str) -> list[Call]:
        """The same of all runs of a session."""
        closed = (
            delete(OpenCall)
            .where(OpenCall.user_id == user_id, OpenCall.session_key == session_key)
            .returning(*_CALL_COLUMNS)
        )
        return [Call(**row) for row in (await self._db_session.execute(closed)).mappings()]

    async def enter(self, spent: Spent, *, cost: int | None, day: str) -> bool:
        """Write a call into the ledger; False where it is there already."""
        call, usage = spent.call, spent.usage
        row = {name: getattr(call, name) for name in _CALL_FIELDS}
        row |= {"id": uuid7(), "provider": call.model.partition("/")[0], "day": day, "cost": cost}
        row |= {name: getattr(usage, name) for name in _USAGE_FIELDS}
        row |= {"outcome": spent.outcome, "duration_ms": spent.duration_ms, "first_token_ms": spent.first_token_ms}
        return (await self._db_session.execute(_ENTER, row)).first() is not None

    # The window of starts, where the database keeps it

    async def take_start(self, user_id: UUID, limit: int) -> Taken:
        taken = None
        if limit > 0:
            taken = (await self._db_session.execute(_TAKE, {"user_id": user_id, "most": limit})).one_or_none()
        return _window(taken, limit, passed=True) if taken is not None else await self.look_at_starts(user_id, limit)

    async def look_at_starts(self, user_id: UUID, limit: int) -> Taken:
        found = _window((await self._db_session.execute(_LOOK, {"user_id": user_id})).one_or_none(), limit)
        return msgspec.structs.replace(found, passed=found.used < limit)


def _window(row: Any, limit: int, *, passed: bool = False) -> Taken:
    times, now = row or ([], 0.0)
    return standing([at for at in times if at > now - WINDOW_SECONDS], now, limit, passed=passed)
