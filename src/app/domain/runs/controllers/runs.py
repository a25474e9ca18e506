"""`/api/runs`: look up, follow, stop."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody, QueryParameter

from app.domain.accounts.schemas import Principal
from app.domain.runs.controllers.stream import EventStream
from app.domain.runs.errors import BadCursor
from app.domain.runs.schemas import CancelRun, Reset, RunList, RunView
from app.domain.runs.service import Runs
from app.domain.runs.states import ACTIVE

# Inside `FromQuery[…]` a bound would be lost without a word.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000_000)]
MAX_SEQ = 2_147_483_647
After = Annotated[int | None, QueryParameter(ge=0, le=MAX_SEQ)]
_CURSOR = re.compile(r"[0-9]{1,20}")


class RunController(Controller):
    path = "/api/runs"
    tags = ["runs"]

    @get()
    async def list_runs(
        self,
        *,
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        only: Annotated[Literal["active"] | None, QueryParameter(name="state")] = None,
        session_id: FromQuery[str | None] = None,
        limit: Limit = 50,
        offset: Offset = 0,
    ) -> RunList:
        """The caller's runs, newest first."""
        items, total = await runs.page(
            user.user_id, active=only == "active", session_id=session_id, limit=limit, offset=offset
        )
        return RunList(items=items, total=total, limit=limit, offset=offset)

    @get("/{run_id:uuid}")
    async def get_run(
        self, run_id: FromPath[UUID], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """One run."""
        return await runs.get(user.user_id, run_id)

    @get("/{run_id:uuid}/events", media_type="text/event-stream")
    async def follow_run(
        self,
        *,
        run_id: FromPath[UUID],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        after: After = None,
        envelope: FromQuery[bool] = False,
        last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> Response[Any]:
        """The run's events from a cursor on, then each new one; 204 when nothing is left."""
        runs.may_stream()
        cursor = _cursor(last_event_id, after)
        run = await runs.get(user.user_id, run_id)
        if cursor > run.last_seq:
            reset = Reset(reason="cursor_ahead", run=run, text="", next_seq=1)
            return EventStream(runs, run_id, reset=reset, group=user, envelope=envelope)
        if cursor == run.last_seq and run.state not in ACTIVE:
            return Response(None, status_code=204)
        return EventStream(runs, run_id, after=cursor, group=user, envelope=envelope)

    @post("/{run_id:uuid}/cancel", status_code=200)
    async def cancel_run(
        self,
        run_id: FromPath[UUID],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        data: JSONBody[CancelRun | None] = None,
    ) -> RunView:
        """Stop a run at once; its partial answer is kept. Repeating it changes nothing."""
        return await runs.cancel(user.user_id, run_id)


def _cursor(last_event_id: str | None, after: int | None) -> int:
    """`Last-Event-ID` first: an EventSource reconnects with the URL it began with."""
    if last_event_id is None or not last_event_id.strip():
        return after or 0
    if _CURSOR.fullmatch(last_event_id.strip()) is None:
        raise BadCursor
    return min(int(last_event_id), MAX_SEQ)
