"""The one gate that every start passes: rate limit, concurrent runs, quota, in this order."""

import math
from datetime import datetime
from types import TracebackType
from typing import Self
from uuid import UUID

import anyio
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.quotas.errors import LimitExceeded, MonthlyKind, RateLimitUnavailable
from app.domain.quotas.month import month_key, month_of
from app.domain.quotas.prices import told
from app.domain.quotas.repository import UsageRepository
from app.domain.quotas.schemas import Limits, Said, Standing, Used
from app.lib.clock import Clock
from app.lib.resilience.windows.window import WINDOW_SECONDS, Taken, WindowAway, Windows

SOON_SECONDS = 5
"""When a try makes sense that waits for runs to end: nobody knows."""


class Gate:
    def __init__(
        self,
        clock: Clock,
        defaults: Limits,
        windows: Windows | None,
        *,
        active_runs: str,
        rate_fails_open: bool,
        tells: bool,
    ) -> None:
        """Without windows starts are counted in the database, in the transaction of the start itself.

        `active_runs` is the query for how many runs of `:user_id` are not over.
        """
        self.clock = clock
        self.defaults = defaults
        self.windows = windows
        self.active_runs = active_runs
        self.rate_fails_open = rate_fails_open
        self.tells = tells
        """Whether clients are told how they stand."""

    def passage(self, user_id: UUID, run_id: UUID) -> "Passage":
        """Of one start, to be entered inside its transaction.

        Leaving its block with an error gives back what was taken elsewhere, before others of the user go on.
        """
        return Passage(self, user_id, run_id)


class Passage:
    def __init__(self, gate: Gate, user_id: UUID, run_id: UUID) -> None:
        self.run_id = run_id
        self._gate = gate
        self._user_id = user_id
        self._taken = False
        self._too_dear: LimitExceeded | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        windows = self._gate.windows
        if error is None or windows is None or not self._taken:
            return
        with anyio.CancelScope(shield=True):
            try:
                await windows.give_back(str(self._user_id), str(self.run_id))
            except WindowAway:
                return

    async def enter(self, db_session: AsyncSession) -> Standing | None:
        """Take a start in the caller's transaction, which a refusal must end. Raises LimitExceeded.

        It counts first and looks then: from the count on no other start of the user goes on before this transaction
        has ended, and a refusal takes the count back with it. Returns how the user stands, where that is told.
        """
        gate = self._gate
        now = gate.clock.now()
        usage = UsageRepository(db_session)
        month = month_key(now)
        starts = gate.defaults.rate_limit_per_minute if gate.windows is None else None
        used, said, taken = await usage.begin(self._user_id, month, gate.active_runs, starts=starts)
        limits, active = said.over(gate.defaults), said.active_runs
        if gate.windows is not None:
            taken = await self._take(gate.windows, limits.rate_limit_per_minute)
        standing = _standing(limits, taken, active, used, now) if gate.tells else None
        self._too_dear = _cost_refusal(limits, used, said, now)
        if self._too_dear is not None:
            self._too_dear.standing = standing
        refusal = (
            _rate_refusal(limits, taken)
            or _concurrency_refusal(limits, active)
            or _quota_refusal(limits, used, said, now)
        )
        if refusal is not None:
            refusal.standing = standing
            raise refusal
        return standing

    def borrow(self) -> None:
        """For a start whose calls need a lent key: only those cost anything. Raises LimitExceeded."""
        if self._too_dear is not None:
            raise self._too_dear

    async def _take(self, windows: Windows, limit: int) -> Taken | None:
        """None where nobody can be counted and that does not matter."""
        try:
            taken = await windows.take(str(self._user_id), str(self.run_id), limit)
        except WindowAway:
            if self._gate.rate_fails_open:
                return None
            raise RateLimitUnavailable from None
        self._taken = taken.passed
        return taken


def _standing(limits: Limits, taken: Taken | None, active: int, used: Used, now: datetime) -> Standing:
    start, reset = month_of(now)
    return Standing(
        rate_limit=limits.rate_limit_per_minute,
        rate_remaining=None if taken is None else max(0, limits.rate_limit_per_minute - taken.used),
        rate_reset=0 if taken is None else math.ceil(taken.wait),
        concurrent_limit=limits.concurrent_runs,
        concurrent_remaining=max(0, limits.concurrent_runs - active - 1),
        requests_limit=limits.monthly_requests,
        requests_remaining=max(0, limits.monthly_requests - used.requests),
        requests_reset=math.ceil((reset - now).total_seconds()),
        month_seconds=round((reset - start).total_seconds()),
    )


def _rate_refusal(limits: Limits, taken: Taken | None) -> LimitExceeded | None:
    if taken is None or taken.passed:
        return None
    return LimitExceeded(
        f"At most {limits.rate_limit_per_minute} starts in {WINDOW_SECONDS} seconds.",
        kind="rate",
        current_usage=taken.used,
        retry_after=max(1, math.ceil(taken.wait)),
    )


def _concurrency_refusal(limits: Limits, active: int) -> LimitExceeded | None:
    if active < limits.concurrent_runs:
        return None
    return LimitExceeded(
        f"At most {limits.concurrent_runs} runs at once. Wait for one to end or cancel it.",
        kind="concurrency",
        current_usage=active,
        retry_after=SOON_SECONDS,
    )


def _quota_refusal(limits: Limits, used: Used, said: Said, now: datetime) -> LimitExceeded | None:
    if used.requests > limits.monthly_requests:
        return used_up("requests", used=used.requests - 1, reserved=0, limit=limits.monthly_requests, now=now)
    if limits.monthly_tokens is not None and used.tokens + said.reserved_tokens >= limits.monthly_tokens:
        return used_up("tokens", used=used.tokens, reserved=said.reserved_tokens, limit=limits.monthly_tokens, now=now)
    return None


def _cost_refusal(limits: Limits, used: Used, said: Said, now: datetime) -> LimitExceeded | None:
    if limits.monthly_cost is not None and used.cost + said.reserved_cost >= limits.monthly_cost:
        return used_up("cost", used=used.cost, reserved=said.reserved_cost, limit=limits.monthly_cost, now=now)
    return None


def used_up(kind: MonthlyKind, *, used: int, reserved: int, limit: int, now: datetime) -> LimitExceeded:
    """A month's quota that does not hold one more. What is only reserved may soon be free again."""
    _, reset = month_of(now)
    unit = 1e-12 if kind == "cost" else 1
    what = f"US$ {told(limit)}" if kind == "cost" else f"{limit} {kind}"
    return LimitExceeded(
        f"This month's quota of {what} is used up."
        if used >= limit
        else f"This month's quota of {what} does not hold another call beside those that are going on.",
        kind=kind,
        current_usage=used * unit,
        monthly_limit=limit * unit,
        remaining_quota=max(0, limit - used - reserved) * unit,
        reset_date=reset,
        retry_after=math.ceil((reset - now).total_seconds()) if used >= limit or not reserved else SOON_SECONDS,
    )
