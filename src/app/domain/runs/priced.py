"""Adapters whose answers say what they cost.

The cost is stored with the answer, so that it stays what it was when the run goes on under another price list.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec

from app.domain.quotas.prices import cost_of
from app.lib.providers.model import Adapter, AnswerStream, Delta, ModelAnswer, ModelCall, TokenUsage


class PricedAdapter:
    def __init__(self, adapter: Adapter, model: str) -> None:
        """`model` is `provider/model`, as the price list has it."""
        self._adapter = adapter
        self._model = model

    @asynccontextmanager
    async def stream(self, call: ModelCall) -> AsyncIterator[AnswerStream]:
        async with self._adapter.stream(call) as stream:
            yield _PricedStream(stream, self._model)


class _PricedStream:
    """The deltas do not pass through it."""

    def __init__(self, stream: AnswerStream, model: str) -> None:
        self._stream = stream
        self._model = model

    def __aiter__(self) -> AsyncIterator[Delta]:
        return self._stream.__aiter__()

    @property
    def upstream_closed(self) -> bool:
        return self._stream.upstream_closed

    @property
    def take(self) -> Callable[[Delta], bool] | None:
        return self._stream.take

    @take.setter
    def take(self, take: Callable[[Delta], bool] | None) -> None:
        self._stream.take = take

    @property
    def answer(self) -> ModelAnswer:
        answer = self._stream.answer
        return msgspec.structs.replace(answer, usage=self._priced(answer.usage))

    def partial_usage(self) -> TokenUsage:
        return self._priced(self._stream.partial_usage())

    def _priced(self, usage: TokenUsage) -> TokenUsage:
        return msgspec.structs.replace(usage, cost_usd=cost_of(self._model, usage))
