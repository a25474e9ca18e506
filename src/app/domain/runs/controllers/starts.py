"""Every route that starts a run. They differ in the agent and in how the answer is given."""

from typing import Annotated, Any

from litestar import Controller, Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, HeaderParameter, JSONBody

from app.domain.accounts.schemas import Principal
from app.domain.runs.controllers.stream import EventStream
from app.domain.runs.errors import ServerStopping
from app.domain.runs.schemas import RunView, RunWithHistory, StartRun
from app.domain.runs.service import Runs, Started
from app.domain.runs.states import ACTIVE

TODO_AGENT = "todo"


class AgentRunController(Controller):
    path = "/api/agents"
    tags = ["runs"]

    @post("/{agent_id:str}/invoke", status_code=200)
    async def invoke(
        self,
        *,
        agent_id: FromPath[str],
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        accept: Annotated[str, HeaderParameter(name="Accept")] = "*/*",
        prefer: Annotated[str, HeaderParameter(name="Prefer")] = "",
        envelope: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Start a run: streamed for `Accept: text/event-stream`, else answered when it has ended.

        `Prefer: respond-async` answers 202 with the run at once (RFC 7240).
        """
        streams = "text/event-stream" in accept
        if streams:
            runs.may_stream()
        started = await runs.start(user, agent_id, data)
        if streams:
            return _streamed(runs, user, started, data, envelope=envelope)
        if "respond-async" in prefer:
            return _answered(started, await runs.get(user.user_id, started.run_id), status=202)
        return await _awaited(runs, user, started, history="history" in data.include)


class TodoAgentController(Controller):
    path = "/api/todos"
    tags = ["runs"]

    @post("/agent-create/stream", status_code=200, media_type="text/event-stream")
    async def stream(
        self,
        *,
        data: JSONBody[StartRun],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        envelope: FromQuery[bool] = False,
    ) -> Response[Any]:
        """Ask the todo agent and stream what it does; the session's history follows the last event."""
        runs.may_stream()
        started = await runs.start(user, TODO_AGENT, data)
        return _streamed(runs, user, started, data, envelope=envelope, history=True)

    @post("/agent-create", status_code=200)
    async def answer(
        self, data: JSONBody[StartRun], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> Response[Any]:
        """Ask the todo agent and wait for its answer."""
        started = await runs.start(user, TODO_AGENT, data)
        return await _awaited(runs, user, started, history=True)


def _streamed(
    runs: Runs, user: Principal, started: Started, body: StartRun, *, envelope: bool, history: bool = False
) -> Response[Any]:
    wanted = history or "history" in body.include
    return EventStream(
        runs,
        started.run_id,
        group=user,
        envelope=envelope,
        history_of=(user.user_id, started.session_key) if wanted else None,
        location=True,
    )


async def _awaited(runs: Runs, user: Principal, started: Started, *, history: bool) -> Response[Any]:
    await runs.ended(started.run_id)
    run = await runs.get(user.user_id, started.run_id)
    if run.state in ACTIVE:
        raise ServerStopping
    if not history:
        return _answered(started, run)
    entries = await runs.history(user.user_id, started.session_key)
    fields = {name: getattr(run, name) for name in RunView.__struct_fields__}
    return _answered(started, RunWithHistory(**fields, history=entries))


def _answered(started: Started, run: RunView, status: int = 200) -> Response[Any]:
    return Response(run, status_code=status, headers={"Location": f"/api/runs/{started.run_id}"})
