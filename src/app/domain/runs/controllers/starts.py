"""Every route that starts a run. They differ in the agent and in how the answer is given."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from app.domain.accounts.schemas import Principal
from app.domain.quotas.headers import rate_limit_headers
from app.domain.runs.admission import Place
from app.domain.runs.controllers.answering import EVENT_STREAM, StreamOperation, prefers_async, wants_stream
from app.domain.runs.controllers.stream import EventStream, watched
from app.domain.runs.errors import ServerStopping
from app.domain.runs.idempotency import repeatable
from app.domain.runs.schemas import ContinueRun, RunView, RunWithHistory, Started, StartRun
from app.domain.runs.service import Runs
from app.domain.runs.states import ACTIVE

TODO_AGENT = "todo"
CHAT_AGENT = "chat"
_REFUSED = {
    403: ResponseSpec(None, description="`streaming_disabled`"),
    404: ResponseSpec(None, description="`agent_not_found`, `secret_not_found`, or `run_not_found` for `replaces`"),
    409: ResponseSpec(None, description="`session_busy`, or `run_not_replaceable`"),
    422: ResponseSpec(None, description="It breaks a rule: see `errors`. Or `idempotency_key_reused`"),
    429: ResponseSpec(None, description="`rate_limit_exceeded`; to who wants a stream it is the event of this name"),
}
_ACCEPTED = ResponseSpec(RunView, description="The run has begun; `Location` is its address.")
_AGAIN = (
    "Makes the start repeatable for 24 hours: with the same key, the same body on the same route is the same run, and"
    " costs nothing. 1 to 255 printable ASCII characters."
)
IdempotencyKey = Annotated[str | None, HeaderParameter(name="Idempotency-Key", description=_AGAIN)]
AnyRequest = Request[Any, Any, Any]


class AgentRunController(Controller):
    path = "/api/agents"
    tags = ["runs"]

    @post(
        "/{agent_id:str}/invoke",
        status_code=200,
        operation_class=StreamOperation,
        responses={**_REFUSED, 202: _ACCEPTED},
    )
    async def invoke(
        self,
        *,
        agent_id: FromPath[str],
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        request: AnyRequest,
        accept: Annotated[str, HeaderParameter(name="Accept")] = "*/*",
        prefer: Annotated[str, HeaderParameter(name="Prefer")] = "",
        idempotency_key: IdempotencyKey = None,
        envelope: FromQuery[bool] = False,
        batch: FromQuery[bool] = False,
    ) -> Response[RunView | RunWithHistory]:
        """Start a run: streamed for `Accept: text/event-stream`, else answered when it has ended.

        `Prefer: respond-async` answers 202 with the run at once (RFC 7240).
        """
        again = repeatable(idempotency_key, "agents/invoke", agent_id, data)
        start = partial(runs.start, user, agent_id, data, again)
        return await _begun(
            start, request, runs, user, data, accept=accept, prefer=prefer, envelope=envelope, batch=batch
        )


class ContinueController(Controller):
    path = "/api/runs"
    tags = ["runs"]

    @post(
        "/{run_id:uuid}/continue",
        status_code=200,
        operation_class=StreamOperation,
        responses={
            202: _ACCEPTED,
            403: _REFUSED[403],
            409: ResponseSpec(None, description="`run_not_continuable`, or `session_busy`"),
            422: ResponseSpec(None, description="`idempotency_key_reused`"),
            429: _REFUSED[429],
        },
    )
    async def continue_run(
        self,
        *,
        run_id: FromPath[UUID],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        request: AnyRequest,
        data: JSONBody[ContinueRun | None] = None,
        accept: Annotated[str, HeaderParameter(name="Accept")] = "*/*",
        prefer: Annotated[str, HeaderParameter(name="Prefer")] = "",
        idempotency_key: IdempotencyKey = None,
        envelope: FromQuery[bool] = False,
        batch: FromQuery[bool] = False,
    ) -> Response[RunView | RunWithHistory]:
        """Start a run that goes on where another one broke off in the middle of its answer.

        Answered as every start is.
        """
        body = data or ContinueRun()
        again = repeatable(idempotency_key, "runs/continue", str(run_id), body)
        start = partial(runs.go_on, user, run_id, body, again)
        return await _begun(
            start, request, runs, user, body, accept=accept, prefer=prefer, envelope=envelope, batch=batch
        )


class TodoAgentController(Controller):
    path = "/api/todos"
    tags = ["runs"]

    @post(
        "/agent-create/stream",
        status_code=200,
        media_type=EVENT_STREAM,
        operation_class=StreamOperation,
        responses=_REFUSED,
    )
    async def stream(
        self,
        *,
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        idempotency_key: IdempotencyKey = None,
        envelope: FromQuery[bool] = False,
        batch: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Ask the todo agent and stream what it does; the session's history follows the last event."""
        runs.may_stream()
        again = repeatable(idempotency_key, "todos/agent-create/stream", TODO_AGENT, data)
        with runs.reader() as place:
            started = await runs.start(user, TODO_AGENT, data, again)
            return _streamed(runs, user, started, data, place, envelope=envelope, batch=batch, history=True)

    @post("/agent-create", status_code=200, responses={status: _REFUSED[status] for status in (404, 409, 422, 429)})
    async def answer(
        self,
        *,
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        request: AnyRequest,
        idempotency_key: IdempotencyKey = None,
    ) -> Response[RunWithHistory]:
        """Ask the todo agent and wait for its answer."""
        again = repeatable(idempotency_key, "todos/agent-create", TODO_AGENT, data)
        with runs.reader():
            started = await runs.start(user, TODO_AGENT, data, again)
            return await _awaited(request, runs, user, started, history=True)


class ChatController(Controller):
    path = "/api/v1/chat"
    tags = ["chat"]

    @post(
        "/stream",
        status_code=200,
        media_type=EVENT_STREAM,
        operation_class=StreamOperation,
        responses=_REFUSED,
    )
    async def stream(
        self,
        *,
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        idempotency_key: IdempotencyKey = None,
        envelope: FromQuery[bool] = False,
        batch: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Ask the chat agent and stream what it says."""
        runs.may_stream()
        again = repeatable(idempotency_key, "v1/chat/stream", CHAT_AGENT, data)
        with runs.reader() as place:
            started = await runs.start(user, CHAT_AGENT, data, again)
            return _streamed(runs, user, started, data, place, envelope=envelope, batch=batch)


async def _begun(
    start: Callable[[], Awaitable[Started]],
    request: AnyRequest,
    runs: Runs,
    user: Principal,
    body: StartRun | ContinueRun,
    *,
    accept: str,
    prefer: str,
    envelope: bool,
    batch: bool,
) -> Response[Any]:
    """As the client wants it: streamed, answered at the end, or accepted at once."""
    streams = wants_stream(accept)
    if streams:
        runs.may_stream()
    if not streams and prefers_async(prefer):
        started = await start()
        begun = _answered(started, await runs.get(user.user_id, started.run_id), status=202)
        begun.headers["Preference-Applied"] = "respond-async"
        return begun
    with runs.reader() as place:
        started = await start()
        if streams:
            return _streamed(runs, user, started, body, place, envelope=envelope, batch=batch)
        return await _awaited(request, runs, user, started, history="history" in body.include)


def _streamed(
    runs: Runs,
    user: Principal,
    started: Started,
    body: StartRun | ContinueRun,
    place: Place,
    *,
    envelope: bool,
    batch: bool,
    history: bool = False,
) -> Response[Any]:
    wanted = history or "history" in body.include
    return EventStream(
        runs,
        started.run_id,
        place.pass_on(),
        group=user,
        envelope=envelope,
        batch=batch,
        history_of=(user.user_id, started.session_key) if wanted else None,
        location=True,
        headers=rate_limit_headers(started.standing),
    )


async def _awaited(
    request: AnyRequest, runs: Runs, user: Principal, started: Started, *, history: bool
) -> Response[Any]:
    """Who waits follows the run, as a reader of its stream does, and leaves it by hanging up."""
    async with runs.following(started.run_id, after=0) as cursor, watched(cursor, request.receive) as gone:
        await cursor.end()
    run = await runs.get(user.user_id, started.run_id)
    if run.state in ACTIVE and not gone.is_set():
        raise ServerStopping
    if not history:
        return _answered(started, run)
    entries = await runs.history(user.user_id, started.session_key)
    fields = {name: getattr(run, name) for name in RunView.__struct_fields__}
    return _answered(started, RunWithHistory(**fields, history=entries))


def _answered(started: Started, run: RunView, status: int = 200) -> Response[Any]:
    headers = {"Location": f"/api/runs/{started.run_id}", **rate_limit_headers(started.standing)}
    return Response(run, status_code=status, headers=headers)
