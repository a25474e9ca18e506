"""Driving the Agents SDK to its end, and what its errors were before it wrapped them."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import anyio
from agents import RunResultStreaming, StreamEvent

from app.lib.errors import AppError

UNWIND_SECONDS = 2.0


async def streamed(result: RunResultStreaming) -> AsyncIterator[StreamEvent]:
    """The SDK's events. However the loop over them is left, nothing of the run goes on."""
    try:
        async for event in result.stream_events():
            yield event
    finally:
        result.cancel()
        await _unwound(result)


async def to_its_end[T](work: Coroutine[Any, Any, T]) -> T:
    """What a cancelled call has begun it finishes: a transaction cut off in SQLite may keep the database locked."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with anyio.move_on_after(UNWIND_SECONDS, shield=True):
            await asyncio.wait([task])
        raise


async def _unwound(result: RunResultStreaming) -> None:
    """Wait until the SDK's own task has closed what it had open, the provider's connection among it."""
    task = result.run_loop_task
    if task is not None and not task.done():
        with anyio.move_on_after(UNWIND_SECONDS, shield=True):
            await asyncio.wait([task])


def known_error(error: BaseException) -> AppError | None:
    """Our own error, also where the SDK has wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AppError):
            return cause
        cause = cause.__cause__
    return None
