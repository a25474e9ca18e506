"""SQL on what was consumed, for those who look back."""

from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Row, case, cast, distinct, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.quotas.models import LedgerEntry, UsageMonth
from app.domain.quotas.schemas import GroupBy

_KEYS: dict[GroupBy, Any] = {
    "day": LedgerEntry.day,
    "model": LedgerEntry.model,
    "agent": LedgerEntry.agent,
    "secret": LedgerEntry.secret_id,
}
_LENT = LedgerEntry.secret_id.is_(None)


class HistoryRepository:
    def __init__(self, db_session: AsyncSession) -> None:
        self._db_session = db_session

    async def grouped(
        self, user_id: UUID, by: GroupBy, *, since: str, until: str, limit: int, offset: int
    ) -> tuple[list[Row[Any]], int]:
        """Sums of the ledger from one day to another; the newest day first, else the most tokens."""
        key = _KEYS[by]
        wanted = [LedgerEntry.user_id == user_id, LedgerEntry.day >= since, LedgerEntry.day <= until]
        groups = select(key).where(*wanted).distinct().subquery()
        total = await self._db_session.scalar(select(func.count()).select_from(groups))
        tokens = _sum(LedgerEntry.input_tokens + LedgerEntry.output_tokens)
        query = (
            select(
                key.label("key"),
                func.count(distinct(LedgerEntry.run_id)).label("runs"),
                func.count().label("provider_calls"),
                _sum(LedgerEntry.input_tokens).label("input_tokens"),
                _sum(LedgerEntry.output_tokens).label("output_tokens"),
                _sum(LedgerEntry.reasoning_tokens).label("reasoning_tokens"),
                _sum(LedgerEntry.cached_tokens).label("cached_tokens"),
                _sum(case((_LENT, LedgerEntry.cost))).label("cost"),
                _sum(case((~_LENT, LedgerEntry.cost))).label("own_cost"),
                _sum(case((_LENT & LedgerEntry.cost.is_(None), 1), else_=0)).label("unpriced"),
            )
            .where(*wanted)
            .group_by(key)
            .order_by(key.desc() if by == "day" else tokens.desc(), key)
        )
        return [*await self._db_session.execute(query.limit(limit).offset(offset))], total or 0

    async def of_secret(self, user_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> tuple[list[Row[Any]], int]:
        """Sums of the calls with one of the user's keys by day, the newest first."""
        wanted = _with_key(user_id, secret_id)
        total = await self._db_session.scalar(select(func.count(distinct(LedgerEntry.day))).where(*wanted))
        query = (
            select(
                LedgerEntry.day,
                func.count().label("requests"),
                _sum(LedgerEntry.input_tokens).label("input_tokens"),
                _sum(LedgerEntry.output_tokens).label("output_tokens"),
                _sum(LedgerEntry.cost).label("cost"),
                _sum(case((LedgerEntry.cost.is_(None), 1), else_=0)).label("unpriced"),
                _sum(case((LedgerEntry.outcome == "failed", 1), else_=0)).label("errors"),
            )
            .where(*wanted)
            .group_by(LedgerEntry.day)
            .order_by(LedgerEntry.day.desc())
        )
        return [*await self._db_session.execute(query.limit(limit).offset(offset))], total or 0

    async def last_failure(self, user_id: UUID, secret_id: UUID) -> LedgerEntry | None:
        """Of a known kind."""
        query = (
            select(LedgerEntry)
            .where(*_with_key(user_id, secret_id), LedgerEntry.error.is_not(None))
            .order_by(LedgerEntry.day.desc(), LedgerEntry.began_at.desc())
            .limit(1)
        )
        found: LedgerEntry | None = await self._db_session.scalar(query)
        return found

    async def months(self, month: str, *, limit: int, offset: int) -> tuple[list[UsageMonth], int]:
        """Of all users, the most tokens first."""
        of_month = UsageMonth.month == month
        total = await self._db_session.scalar(select(func.count()).select_from(UsageMonth).where(of_month))
        query = select(UsageMonth).where(of_month).order_by(UsageMonth.tokens.desc(), UsageMonth.user_id)
        return [*await self._db_session.scalars(query.limit(limit).offset(offset))], total or 0


def _with_key(user_id: UUID, secret_id: UUID) -> list[ColumnElement[bool]]:
    return [LedgerEntry.secret_id == secret_id, LedgerEntry.user_id == user_id]


def _sum(what: Any) -> ColumnElement[int]:
    return cast(func.coalesce(func.sum(what), 0), BigInteger)
