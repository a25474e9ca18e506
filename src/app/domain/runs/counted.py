"""Adapters whose calls are counted, with what they used, however they end."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from app.domain.runs.runner import to_its_end
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import Adapter, AnswerStream, ModelCall, TokenUsage

Count = Callable[[TokenUsage | None, str | None], Coroutine[Any, Any, None]]


class CountedAdapter:
    def __init__(self, adapter: Adapter, count: Count) -> None:
        self._adapter = adapter
        self._count = count

    @asynccontextmanager
    async def stream(self, call: ModelCall) -> AsyncIterator[AnswerStream]:
        answer: AnswerStream | None = None
        failure: ProviderError | None = None
        try:
            async with self._adapter.stream(call) as answer:
                yield answer
        except ProviderError as error:
            failure = error
            raise
        finally:
            # A run that is cancelled has used what it used.
            reason = failure.reason if failure is not None else None
            await to_its_end(self._count(_used(answer, failure), reason))


def _used(answer: AnswerStream | None, failure: ProviderError | None) -> TokenUsage | None:
    """None where the provider has refused the call as a whole."""
    if answer is None or (failure is not None and failure.status is not None):
        return None
    try:
        return answer.answer.usage
    except (RuntimeError, ProviderError):  # it has not come to its end
        return answer.partial_usage()
