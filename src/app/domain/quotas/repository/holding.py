"""SQL that every start and every call of a provider waits for: one statement, of which PostgreSQL makes several.

It is text, since SQLAlchemy compiles its own too slowly, and knows the user's id from one place, since each time that
a value is named it is converted anew.
"""

from functools import cache
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Executable, Table, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.domain.quotas.models import UsageMonth
from app.domain.quotas.schemas import Said, Used
from app.lib.db.direct import direct_row
from app.lib.resilience.windows.window import Taken, standing

_COUNTS = Used.__struct_fields__
_SAID = Said.__struct_fields__
_LIMITS = _SAID[:5]
_COLUMNS = f"user_id, month, {', '.join(_COUNTS)}"
_USER = cast("Table", UsageMonth.__table__).c.user_id.type
_id = bindparam("user_id", type_=_USER)

ON_CONFLICT = "(user_id, month) DO UPDATE SET " + ", ".join(
    f"{name} = usage_month.{name} + excluded.{name}" for name in _COUNTS
)
_LOCK = "pg_advisory_xact_lock(hashtextextended('quotas of ' || CAST(:user_id AS text), 0))"
_LOCKED = text(f"SELECT {_LOCK}").bindparams(_id)
_HOLD = "SELECT * FROM hold_usage($1::uuid, $2, $3, $4, $5)"
NOW = "extract(epoch FROM clock_timestamp())::float8"


def _said(active_runs: str) -> str:
    limits = ", ".join(f"coalesce(mine.{name}, theirs.{name}) AS {name}" for name in _LIMITS)
    return f"""
SELECT {limits}, CAST(coalesce(open.tokens, 0) AS bigint) AS reserved_tokens,
    CAST(coalesce(open.cost, 0) AS bigint) AS reserved_cost, ({active_runs}) AS active_runs
FROM (SELECT :user_id AS id) AS who
LEFT JOIN quota AS mine ON mine.user_id = who.id
LEFT JOIN user_account ON user_account.id = who.id
LEFT JOIN quota AS theirs ON theirs.role = user_account.role
LEFT JOIN (SELECT sum(tokens) AS tokens, sum(cost) AS cost FROM open_call WHERE user_id = :user_id) AS open ON true
"""  # noqa: S608 - constants


@cache
def look(active_runs: str) -> Executable:
    """What is said of `:user_id`; `active_runs` is a query for the number of theirs."""
    return text(_said(active_runs)).bindparams(_id)


@cache
def _count_and_look(active_runs: str) -> str:
    """For SQLite, where nobody else writes meanwhile.

    PostgreSQL has a function, whose statements each see what was committed before: one alone would look at how things
    were before it waited.
    """
    mine = "SELECT {} FROM quota WHERE user_id = usage_month.user_id"
    theirs = "SELECT {} FROM quota WHERE role = (SELECT role FROM user_account WHERE id = usage_month.user_id)"
    said = [
        *(f"coalesce(({mine.format(name)}), ({theirs.format(name)}))" for name in _LIMITS),
        *(
            f"coalesce((SELECT sum({name}) FROM open_call WHERE user_id = usage_month.user_id), 0)"  # noqa: S608
            for name in ("tokens", "cost")
        ),
        f"({active_runs.replace(':user_id', 'usage_month.user_id')})",
    ]
    return (
        f"INSERT INTO usage_month ({_COLUMNS}) VALUES (?, ?, ?, 0, 0, 0, 0) "  # noqa: S608 - constants
        f"ON CONFLICT {ON_CONFLICT} RETURNING {', '.join([*_COUNTS, *said])}"
    )


async def lock(connection: AsyncConnection, user_id: UUID) -> None:
    """Until the transaction ends nobody else counts starts and calls of the user, whatever the month."""
    if connection.dialect.name != "sqlite":
        await connection.execute(_LOCKED, {"user_id": user_id})


async def hold(
    connection: AsyncConnection, user_id: UUID, month: str, *, requests: int, active_runs: str, starts: int | None
) -> tuple[Used, Said, Taken | None]:
    """Lock, count, and then look. With `starts`, which are the settings', one is taken of the database's window.

    None are taken where none are left: whoever is refused looks for how many there are.
    """
    if connection.dialect.name == "sqlite":
        row = await direct_row(connection, _count_and_look(active_runs), user_id.bytes, month, requests)
        return *_read(row), None
    query = f"SELECT ({active_runs.replace(':user_id', '$1')})"
    *found, taken, leaves_at, now = await direct_row(connection, _HOLD, user_id, month, requests, query, starts)
    used, said = _read(found)
    if taken is None or starts is None:
        return used, said, None
    limit = starts if said.rate_limit_per_minute is None else said.rate_limit_per_minute
    return used, said, standing(taken, leaves_at, now, limit, passed=True)


def _read(row: Any) -> tuple[Used, Said]:
    counts, said = row[: len(_COUNTS)], row[len(_COUNTS) :]
    return Used(**dict(zip(_COUNTS, counts, strict=True))), Said(**dict(zip(_SAID, said, strict=True)))
