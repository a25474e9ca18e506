"""The calls of one attempt, as quotas see them: each is reserved before it is made and settled when it is over."""

import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

import anyio
import msgspec

from app.domain.quotas.errors import QuotaUnavailable
from app.domain.quotas.schemas import Call, Outcome, Spent
from app.domain.quotas.service import Metering
from app.domain.quotas.service.metering import interrupted
from app.domain.runs.memory import ROOT, Memory
from app.domain.runs.models import Run
from app.domain.runs.runner import to_its_end
from app.lib.clock import Clock
from app.lib.providers.decoding import estimated_tokens
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import AnswerStream, Delta, ModelCall, TokenUsage

_RETRY_SECONDS = 0.5
_RETRIES = 60

Take = Callable[[Delta], bool]


class Metered:
    """A call that is going on."""

    def __init__(self, call: Call, most: int | None) -> None:
        self.call = call
        self.most = most
        """Tokens that the answer may have, where the month holds no more."""
        self.usage: TokenUsage | None = None
        """Once it is finished."""
        self._stream: AnswerStream | None = None
        self._began = time.perf_counter()
        self._first: float | None = None

    def bounded(self, call: ModelCall, *, model: str) -> ModelCall:
        most = call.max_output_tokens if self.most is None else self.most
        return msgspec.structs.replace(call, model=model, max_output_tokens=most)

    def watch(self, stream: AnswerStream, take: Take) -> None:
        """Note when the answer begins; its deltas are for `take`."""
        self._stream = stream

        def first(delta: Delta) -> bool:
            self.speaks()
            stream.take = take
            return take(delta)

        stream.take = first

    def speaks(self) -> None:
        if self._first is None:
            self._first = time.perf_counter()

    def spent(self, outcome: Outcome, error: str | None = None) -> Spent:
        usage = self.usage
        if usage is None:
            usage = self._stream.partial_usage() if self._stream is not None else TokenUsage(cost_usd="0")
        return Spent(
            call=self.call,
            usage=usage,
            outcome=outcome,
            error=error,
            duration_ms=round((time.perf_counter() - self._began) * 1000),
            first_token_ms=None if self._first is None else round((self._first - self._began) * 1000),
        )


class Meter:
    """What is over is settled with the next call's reservation, or in the transaction that ends the attempt."""

    def __init__(self, metering: Metering, clock: Clock, run: Run, attempt: int, left: Sequence[Spent] = ()) -> None:
        self._metering = metering
        self._clock = clock
        self._run = run
        self._attempt = attempt
        self._open: list[Metered] = []
        self._spent = [*left]

    @asynccontextmanager
    async def call(
        self, scope: str, turn: int, number: int, model: str, call: ModelCall, *, secret_id: UUID | None
    ) -> AsyncIterator[Metered]:
        """Reserved for as long as it goes on. One that is cancelled stays open: how the attempt ends says how it did.

        Raises LimitExceeded, or QuotaUnavailable where it cannot be counted for half a minute.
        """
        described = self._described(scope, turn, number, model, call, secret_id=secret_id)
        metered = Metered(described, await self._reserve(described))
        self._open.append(metered)
        try:
            yield metered
        except Exception as error:
            self._over(metered, "failed", error.reason if isinstance(error, ProviderError) else None)
            raise
        self._over(metered, "completed")

    def close(self, outcome: Outcome) -> list[Spent]:
        """All that is to be settled; what is going on ends like that."""
        for metered in [*self._open]:
            self._over(metered, outcome)
        return self._spent

    def _over(self, metered: Metered, outcome: Outcome, error: str | None = None) -> None:
        self._open.remove(metered)
        self._spent.append(metered.spent(outcome, error))

    async def _reserve(self, call: Call) -> int | None:
        for tried in range(_RETRIES):
            spent = [*self._spent]
            try:
                # To its end: a transaction that is cut off in SQLite may keep the database locked.
                most = await to_its_end(self._metering.reserve(call, spent))
            except QuotaUnavailable:
                if tried == _RETRIES - 1:
                    raise
                await anyio.sleep(_RETRY_SECONDS)
            else:
                self._spent = [one for one in self._spent if one not in spent]
                return most
        raise QuotaUnavailable

    def _described(
        self, scope: str, turn: int, number: int, model: str, call: ModelCall, *, secret_id: UUID | None
    ) -> Call:
        run = self._run
        return Call(
            run_id=run.id,
            attempt=self._attempt,
            scope=scope,
            turn=turn,
            number=number,
            user_id=run.owner_id,
            session_key=run.session_key,
            agent=run.agent,
            model=model,
            secret_id=secret_id,
            input_tokens=_estimated_input(call),
            max_output_tokens=call.max_output_tokens,
            began_at=self._now(),
        )

    def _now(self) -> datetime:
        return self._clock.now()


def recalled(left: Sequence[Call], memory: Memory) -> list[Spent]:
    """What became of the calls that a dead process left open, the oldest first: its steps say so as far as it got."""
    newest = {(call.scope, call.turn): call for call in left}
    return [_recalled(call, memory, is_last=newest[call.scope, call.turn] is call) for call in left]


def _recalled(call: Call, memory: Memory, *, is_last: bool) -> Spent:
    answered = memory.usage_of(call.scope, call.turn) if is_last else None
    if answered is not None:
        return Spent(call=call, usage=answered, outcome="completed")
    failed = memory.cut_at(call.scope, call.turn, retry_position(call.attempt, call.number))
    if failed is not None:
        return Spent(call=call, usage=failed, outcome="failed")
    if not is_last:  # another try followed, so that this one had brought nothing
        return Spent(call=call, usage=TokenUsage(cost_usd="0"), outcome="failed")
    cut = memory.cut_at(call.scope, call.turn, call.attempt)
    if cut is not None:
        return Spent(call=call, usage=cut, outcome="interrupted")
    shown = memory.told.text + memory.told.reasoning if call.scope == ROOT else ""
    return interrupted(call, estimated_tokens(len(shown.encode())))


def retry_position(attempt: int, number: int) -> int:
    """Where the step of a try that failed stands; those of what a pause cuts off are above 0."""
    return -(100 * attempt + number + 1)


def _estimated_input(call: ModelCall) -> int:
    told = msgspec.json.encode([call.instructions, call.items, call.tools])
    return estimated_tokens(len(told))
