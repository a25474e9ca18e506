"""`/api/runs`: look up and follow."""

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, QueryParameter

from app.domain.accounts.guards import TICKETED
from app.domain.accounts.schemas import Principal, RunTicket
from app.domain.accounts.service import TicketService
from app.domain.runs.controllers.answering import EVENT_STREAM, StreamOperation
from app.domain.runs.controllers.stream import EventStream
from app.domain.runs.errors import BadCursor
from app.domain.runs.schemas import RunList, RunView
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

    @get(
        "/{run_id:uuid}/events",
        media_type=EVENT_STREAM,
        opt=TICKETED,
        security=[{"bearer": []}, {"ticket": []}],
        operation_class=StreamOperation,
        responses={
            204: ResponseSpec(None, description="The run has ended, and nothing is left to send."),
            403: ResponseSpec(None, description="`streaming_disabled`"),
        },
    )
    async def follow_run(
        self,
        *,
        run_id: FromPath[UUID],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        tickets: NamedDependency[TicketService],
        run_ticket: NamedDependency[RunTicket | None],
        after: After = None,
        envelope: FromQuery[bool] = False,
        batch: FromQuery[bool] = False,
        last_event_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> Response[Any]:
        """The run's events from a cursor on, then each new one; 204 when nothing is left."""
        runs.may_stream()
        cursor = _cursor(last_event_id, after)
        run = await runs.get(user.user_id, run_id)
        if run_ticket is not None:
            tickets.check(run_ticket, run.ended_at)
        if reset := await runs.lost(run, cursor):
            cursor = reset.next_seq - 1
        elif cursor == run.last_seq and run.state not in ACTIVE:
            return Response(None, status_code=204)
        return EventStream(
            runs, run_id, runs.reader(), after=cursor, reset=reset, group=user, envelope=envelope, batch=batch
        )


def _cursor(last_event_id: str | None, after: int | None) -> int:
    """`Last-Event-ID` first: an EventSource reconnects with the URL it began with."""
    if last_event_id is None or not last_event_id.strip():
        return after or 0
    if _CURSOR.fullmatch(last_event_id.strip()) is None:
        raise BadCursor
    return min(int(last_event_id), MAX_SEQ)
