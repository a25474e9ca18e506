"""Python's garbage collector, kept from stopping all streams while many runs are active."""

import gc
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from litestar import Litestar

from app.domain.runs.admission import Admission

YOUNG = (5_000, 20)
"""How many new objects, and how many looks at those, before the collector looks at them."""
NEVER = 1_000_000
LOOK_SECONDS = 5.0
FEW_RUNS = 50
"""With so many active a look at everything takes some 50 ms; with 1,000 of them it takes a second."""
MOST_SECONDS = 180.0


@asynccontextmanager
async def collecting(app: Litestar) -> AsyncIterator[None]:
    """Look at all that lives in quiet moments, and only now and then where there are none.

    What is loaded by now stays for good and is never looked at again.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*YOUNG, NEVER)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_collect, app.state.admission)
            yield
            tasks.cancel_scope.cancel()
    finally:
        gc.set_threshold(*thresholds)


async def _collect(admission: Admission) -> None:
    looked_at = time.monotonic()
    while True:
        await anyio.sleep(LOOK_SECONDS)
        if is_due(admission.runs, time.monotonic() - looked_at):
            gc.collect()
            looked_at = time.monotonic()


def is_due(runs: int, seconds: float) -> bool:
    """Whether to look at everything, with so many active runs and so long after the last time."""
    grown_old = gc.get_count()[2] > 0
    return grown_old and (runs <= FEW_RUNS or seconds >= MOST_SECONDS)
