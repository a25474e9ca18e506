"""What was used, told to users and those who look after them."""

from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Row

from app.domain.accounts.service import AccountService
from app.domain.quotas.month import month_key, month_of
from app.domain.quotas.prices import told
from app.domain.quotas.repository import HistoryRepository, UsageRepository
from app.domain.quotas.schemas import (
    GroupBy,
    Limits,
    QuotaStatus,
    Said,
    SecretDay,
    SecretUsage,
    UsageGroup,
    UsageHistory,
    Used,
    UserUsage,
    UserUsageList,
)
from app.domain.quotas.service.gate import Gate
from app.lib.db.engine import Database
from app.lib.resilience.windows.window import Taken, WindowAway


class Usages:
    """Each verb is a transaction of its own."""

    def __init__(self, db: Database, gate: Gate) -> None:
        self._db = db
        self._gate = gate

    async def now(self, user_id: UUID) -> QuotaStatus:
        """How the user stands: the numbers that the gate goes by."""
        now = self._gate.clock.now()
        async with self._db.reading() as db_session:
            usage = UsageRepository(db_session)
            used = await usage.of_month(user_id, month_key(now))
            said = await usage.said(user_id, self._gate.active_runs)
            limits = said.over(self._gate.defaults)
            taken = await self._look(usage, user_id, limits.rate_limit_per_minute)
        return _status(used, said, limits, taken=taken, now=now)

    async def history(
        self, user_id: UUID, by: GroupBy, *, since: date, until: date, limit: int, offset: int
    ) -> UsageHistory:
        """The ledger from one day to another, both included, in sums."""
        async with self._db.reading() as db_session:
            days = {"since": since.isoformat(), "until": until.isoformat()}
            rows, total = await HistoryRepository(db_session).grouped(user_id, by, **days, limit=limit, offset=offset)
        return UsageHistory(items=[_group(row) for row in rows], total=total, limit=limit, offset=offset)

    async def of_secret(self, user_id: UUID, secret_id: UUID, *, limit: int, offset: int) -> SecretUsage:
        """What calls with one of the user's own keys have used. It outlives the key."""
        async with self._db.reading() as db_session:
            history = HistoryRepository(db_session)
            rows, total = await history.of_secret(user_id, secret_id, limit=limit, offset=offset)
            failed = await history.last_failure(user_id, secret_id)
        return SecretUsage(
            days=[_day(row) for row in rows],
            total=total,
            last_error=failed.error if failed else None,
            last_error_at=failed.began_at + timedelta(milliseconds=failed.duration_ms or 0) if failed else None,
        )

    async def of_all(self, month: str | None, *, limit: int, offset: int) -> UserUsageList:
        """What everybody has used in a month, in this one without."""
        month = month or month_key(self._gate.clock.now())
        async with self._db.reading() as db_session:
            rows, total = await HistoryRepository(db_session).months(month, limit=limit, offset=offset)
            emails = await AccountService.open(db_session).emails({row.user_id for row in rows})
        items = [
            UserUsage(
                user_id=row.user_id,
                email=emails.get(row.user_id),
                requests=row.requests,
                provider_calls=row.calls,
                tokens=row.tokens,
                cost_usd=told(row.cost),
                unpriced_calls=row.unpriced,
            )
            for row in rows
        ]
        return UserUsageList(month=month, items=items, total=total, limit=limit, offset=offset)

    async def _look(self, usage: UsageRepository, user_id: UUID, limit: int) -> Taken | None:
        if self._gate.windows is None:
            return await usage.look_at_starts(user_id, limit)
        try:
            return await self._gate.windows.look(str(user_id), limit)
        except WindowAway:
            return None


def _status(used: Used, said: Said, limits: Limits, *, taken: Taken | None, now: datetime) -> QuotaStatus:
    tokens_left = _left(limits.monthly_tokens, used.tokens + said.reserved_tokens)
    cost_left = _left(limits.monthly_cost, used.cost + said.reserved_cost)
    return QuotaStatus(
        requests_used=used.requests,
        requests_limit=limits.monthly_requests,
        requests_remaining=max(0, limits.monthly_requests - used.requests),
        tokens_used=used.tokens,
        tokens_reserved=said.reserved_tokens,
        tokens_limit=limits.monthly_tokens,
        tokens_remaining=tokens_left,
        cost_usd_used=told(used.cost),
        cost_usd_reserved=told(said.reserved_cost),
        cost_usd_limit=None if limits.monthly_cost is None else told(limits.monthly_cost),
        cost_usd_remaining=None if cost_left is None else told(cost_left),
        unpriced_calls=used.unpriced,
        provider_calls=used.calls,
        concurrent_runs_used=said.active_runs,
        concurrent_runs_limit=limits.concurrent_runs,
        concurrent_runs_remaining=max(0, limits.concurrent_runs - said.active_runs),
        rate_limit_per_minute=limits.rate_limit_per_minute,
        rate_limit_remaining=None if taken is None else max(0, limits.rate_limit_per_minute - taken.used),
        reset_date=month_of(now)[1],
    )


def _left(limit: int | None, used: int) -> int | None:
    return None if limit is None else max(0, limit - used)


def _day(row: Row[tuple[object, ...]]) -> SecretDay:
    found = row._mapping  # noqa: SLF001 - its public name, in spite of the underscore
    counts = ("day", "requests", "input_tokens", "output_tokens", "errors")
    return SecretDay(
        **{name: found[name] for name in counts}, cost_usd=None if found["unpriced"] else told(found["cost"])
    )


def _group(row: Row[tuple[object, ...]]) -> UsageGroup:
    found = row._mapping  # noqa: SLF001 - its public name, in spite of the underscore
    counts = ("runs", "provider_calls", "input_tokens", "output_tokens", "reasoning_tokens", "cached_tokens")
    return UsageGroup(
        key=None if found["key"] is None else str(found["key"]),
        **{name: found[name] for name in counts},
        cost_usd=told(found["cost"]),
        own_key_cost_usd=told(found["own_cost"]),
        unpriced_calls=found["unpriced"],
    )
