"""What calls of providers use: reserved before they are made, settled after, and entered into the ledger once."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.quotas.errors import QuotaUnavailable
from app.domain.quotas.month import month_key
from app.domain.quotas.prices import affordable, cost_of, most_of, stored
from app.domain.quotas.repository import UsageRepository
from app.domain.quotas.schemas import Call, Limits, Said, Spent, Used
from app.domain.quotas.service.gate import used_up
from app.lib.clock import Clock
from app.lib.db.engine import DATABASE_ERRORS, Database
from app.lib.providers.model import TokenUsage

ASSUMED_OUTPUT = 8192
"""Tokens that an answer may have where nobody has said how many."""

logger = structlog.get_logger()


class Metering:
    def __init__(self, db: Database, clock: Clock, defaults: Limits, *, fails_open: bool) -> None:
        self.failing = False
        self._db = db
        self._clock = clock
        self._defaults = defaults
        self._fails_open = fails_open

    async def reserve(self, call: Call, spent: Sequence[Spent] = ()) -> int | None:
        """Room for a call that is about to be made, and the end of those that were. Raises LimitExceeded.

        Returns how many tokens the answer may have, where that is fewer than it would have had.
        """
        try:
            async with self._db.writing() as db_session:
                output = await self._reserve(db_session, call, spent)
        except DATABASE_ERRORS as error:
            self._note(error)
            if not self._fails_open:
                raise QuotaUnavailable from None
            return None
        self._note(None)
        return output

    async def settle(
        self, db_session: AsyncSession, run_id: UUID, spent: Sequence[Spent], *, ends: bool = False
    ) -> None:
        """Enter calls that are over, in the caller's transaction, and give back what was reserved for them.

        Where the run `ends` nothing stays reserved for it. Call it before the transaction touches anything else that
        others wait for: all take these rows first.
        """
        usage = UsageRepository(db_session)
        if ends:
            known = {_name(one.call) for one in spent}
            left = [call for call in await usage.close_run(run_id) if _name(call) not in known]
            spent = [*spent, *map(interrupted, left)]
        else:
            await usage.close([one.call for one in spent])
        await self._enter(usage, spent)

    async def forget_session(self, db_session: AsyncSession, user_id: UUID, session_key: str) -> None:
        """Before a session is deleted: what its runs have used is kept."""
        usage = UsageRepository(db_session)
        await self._enter(usage, [interrupted(call) for call in await usage.close_session(user_id, session_key)])

    async def opened(self, db_session: AsyncSession, run_id: UUID) -> list[Call]:
        """The calls of a run that nobody has settled, the oldest first."""
        return await UsageRepository(db_session).opened(run_id)

    async def _reserve(self, db_session: AsyncSession, call: Call, spent: Sequence[Spent]) -> int | None:
        usage = UsageRepository(db_session)
        if spent:
            await usage.lock(call.user_id)
            await usage.close([one.call for one in spent])
            used = await self._enter(usage, spent)
            said = await usage.said(call.user_id)
        else:
            used, said = await usage.hold(call.user_id, month_key(self._clock.now()))
        wanted = call.max_output_tokens or ASSUMED_OUTPUT
        output = self._room(call, wanted, said, used)
        cost = 0 if call.secret_id is not None else most_of(call.model, call.input_tokens, output)
        await usage.open(call, tokens=call.input_tokens + output, cost=cost)
        return output if output < wanted else None

    def _room(self, call: Call, wanted: int, said: Said, used: Used) -> int:
        """How many tokens the answer may have: as many as wanted, or else as the month still holds."""
        limits = said.over(self._defaults)
        now = self._clock.now()
        if limits.monthly_tokens is not None:
            left = limits.monthly_tokens - used.tokens - said.reserved_tokens
            if left <= call.input_tokens:
                raise used_up(
                    "tokens", used=used.tokens, reserved=said.reserved_tokens, limit=limits.monthly_tokens, now=now
                )
            wanted = min(wanted, left - call.input_tokens)
        if limits.monthly_cost is not None and call.secret_id is None:
            left = limits.monthly_cost - used.cost - said.reserved_cost
            most = affordable(call.model, left - most_of(call.model, call.input_tokens, 0))
            if most is not None and most < 1:
                raise used_up("cost", used=used.cost, reserved=said.reserved_cost, limit=limits.monthly_cost, now=now)
            wanted = wanted if most is None else min(wanted, most)
        return wanted

    async def _enter(self, usage: UsageRepository, spent: Sequence[Spent]) -> Used:
        """Returns what the month has seen."""
        now = self._clock.now()
        day, counts = now.date().isoformat(), Used()
        for one in spent:
            told = one.usage.cost_usd
            cost = None if told is None else stored(told)
            if await usage.enter(one, cost=cost, day=day):
                counts = _added(counts, one, cost)
        if not spent:
            return counts
        return await usage.add(spent[0].call.user_id, month_key(now), **msgspec.structs.asdict(counts))

    def _note(self, error: Exception | None) -> None:
        if error is not None and not self.failing:
            logger.warning("quotas cannot be counted", error=type(error).__name__)
        elif error is None and self.failing:
            logger.warning("quotas are counted again")
        self.failing = error is not None


def interrupted(call: Call, said: int = 0) -> Spent:
    """A call whose process died: what it has used is as good as the guess before it, and what it has said."""
    usage = TokenUsage(input_tokens=call.input_tokens, output_tokens=said, source="estimated")
    usage = msgspec.structs.replace(usage, cost_usd=cost_of(call.model, usage))
    return Spent(call=call, usage=usage, outcome="interrupted")


def _name(call: Call) -> tuple[UUID, int, str, int, int]:
    return call.run_id, call.attempt, call.scope, call.turn, call.number


def _added(counts: Used, one: Spent, cost: int | None) -> Used:
    lent = one.call.secret_id is None
    return Used(
        calls=counts.calls + 1,
        tokens=counts.tokens + one.usage.input_tokens + one.usage.output_tokens,
        cost=counts.cost + (cost or 0 if lent else 0),
        unpriced=counts.unpriced + (lent and cost is None),
    )
