"""SQL on what users consume. What every start and call needs is text: SQLAlchemy compiles its own too slowly."""

from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import BigInteger, CursorResult, Executable, Table, bindparam, delete, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
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

_ON_CONFLICT = "(user_id, month) DO UPDATE SET " + ", ".join(
    f"{name} = usage_month.{name} + excluded.{name}" for name in _COUNTS
)
_ADD = insert_or(_MONTH, ["user_id", "month", *_COUNTS], _ON_CONFLICT, [*_COUNTS])
_LIMITS = ("rate_limit_per_minute", "concurrent_runs", "monthly_requests", "monthly_tokens", "monthly_cost")
_OF_USER = "SELECT {name} FROM quota WHERE user_id = :user_id"
_OF_ROLE = "SELECT {name} FROM quota WHERE role = (SELECT role FROM user_account WHERE id = :user_id)"
_SAID = [
    *(f"coalesce(({_OF_USER}), ({_OF_ROLE})) AS {{name}}".format(name=name) for name in _LIMITS),
    *(
        f"CAST(coalesce((SELECT sum({name}) FROM open_call WHERE user_id = :user_id), 0) AS bigint) AS reserved_{name}"  # noqa: S608
        for name in ("tokens", "cost")
    ),
]


@cache
def _look(active_runs: str) -> Executable:
    columns = ", ".join([*_SAID, f"({active_runs}) AS active_runs"])
    return text(f"SELECT {columns}").bindparams(bindparam("user_id", type_=_USER))


@cache
def _add_and_look(active_runs: str) -> Executable:
    """Only for SQLite, where nobody else writes meanwhile: PostgreSQL looks at how things were before it waited."""
    names = ["user_id", "month", *_COUNTS]
    values = ", ".join(f":{name}" for name in names)
    returning = ", ".join([*_COUNTS, *_SAID, f"({active_runs}) AS active_runs"])
    sql = f"INSERT INTO usage_month ({', '.join(names)}) VALUES ({values}) ON CONFLICT {_ON_CONFLICT}"  # noqa: S608
    return text(f"{sql} RETURNING {returning}").bindparams(bindparam("user_id", type_=_USER))


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
RETURNING cardinality(times), times[greatest(cardinality(times) - :most, 0) + 1], {_NOW}
""").bindparams(bindparam("user_id", type_=_USER), bindparam("most", type_=BigInteger()))  # noqa: S608 - constants
_LOOK = text(f"""
SELECT cardinality(kept), kept[greatest(least(cardinality(kept) - :most, cardinality(kept) - 1), 0) + 1], {_NOW}
FROM (SELECT array(SELECT t FROM unnest(w.times) t WHERE t > {_NOW} - {WINDOW_SECONDS} ORDER BY t) AS kept
    FROM rate_window w WHERE w.user_id = :user_id) AS of_user
""").bindparams(bindparam("user_id", type_=_USER), bindparam("most", type_=BigInteger()))  # noqa: S608 - constants


class UsageRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session
        self._connection: AsyncConnection | None = None

    async def _execute(self, statement: Executable, values: Any = None) -> CursorResult[Any]:
        """In the session's transaction, without what the session does for objects: a third of a statement's cost."""
        if self._connection is None:
            self._connection = await self._db_session.connection()
        return await self._connection.execute(statement, values)

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
        return Said(**(await self._execute(_look(active_runs), {"user_id": user_id})).mappings().one())

    async def hold(self, user_id: UUID, month: str, *, requests: int = 0, active_runs: str = "0") -> tuple[Used, Said]:
        """Count, hold the user's row as `add` does, and then look: so nothing that is seen changes meanwhile."""
        if self._db_session.get_bind().dialect.name != "sqlite":
            return await self.add(user_id, month, requests=requests), await self.said(user_id, active_runs)
        row = {"user_id": user_id, "month": month, **dict.fromkeys(_COUNTS, 0), "requests": requests}
        found = dict((await self._execute(_add_and_look(active_runs), row)).mappings().one())
        return Used(**{name: found.pop(name) for name in _COUNTS}), Said(**found)

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

    async def take_start(self, user_id: UUID, limit: int) -> Taken:
        taken = None
        if limit > 0:
            taken = (await self._execute(_TAKE, {"user_id": user_id, "most": limit})).one_or_none()
        if taken is None:
            return await self.look_at_starts(user_id, limit)
        used, leaves_at, now = taken
        return standing(used, leaves_at, now, limit, passed=True)

    async def look_at_starts(self, user_id: UUID, limit: int) -> Taken:
        found = (await self._execute(_LOOK, {"user_id": user_id, "most": limit})).one_or_none()
        used, leaves_at, now = found or (0, None, 0.0)
        return standing(used, leaves_at, now, limit, passed=used < limit)
