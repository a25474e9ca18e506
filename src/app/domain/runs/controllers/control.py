"""What a run's owner asks of it while it goes on. Asking again changes nothing and answers the same."""

from uuid import UUID

from litestar import Controller, delete, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody

from app.domain.accounts.schemas import Principal
from app.domain.runs.schemas import AnswerApproval, AnswerInput, CancelRun, RunView, StreamRef
from app.domain.runs.service import Runs

_ANSWERED = {409: ResponseSpec(None, description="`already_answered`, in another way")}


class ControlController(Controller):
    path = "/api/runs"
    tags = ["runs"]

    @post("/{run_id:uuid}/cancel", status_code=200)
    async def cancel_run(
        self,
        run_id: FromPath[UUID],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
        data: JSONBody[CancelRun | None] = None,
    ) -> RunView:
        """Stop a run; its partial answer is kept.

        `immediate` closes the provider's connection, `after_turn` lets the turn that is going on finish.
        """
        return await runs.cancel(user.user_id, run_id, (data or CancelRun()).mode)

    @post("/{run_id:uuid}/pause", status_code=200)
    async def pause_run(
        self, run_id: FromPath[UUID], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """Let nothing new begin. Readers get nothing until the run is resumed."""
        return await runs.pause(user.user_id, run_id)

    @post("/{run_id:uuid}/resume", status_code=200)
    async def resume_run(
        self, run_id: FromPath[UUID], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """Let a paused run go on."""
        return await runs.resume(user.user_id, run_id)

    @post("/{run_id:uuid}/approvals/{approval_id:str}", status_code=200, responses=_ANSWERED)
    async def answer_approval(
        self,
        run_id: FromPath[UUID],
        approval_id: FromPath[str],
        data: JSONBody[AnswerApproval],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
    ) -> RunView:
        """Say whether a tool call may happen. The first answer counts."""
        return await runs.answer_approval(user.user_id, run_id, approval_id, approve=data.approve, reason=data.reason)

    @post("/{run_id:uuid}/input", status_code=200, responses=_ANSWERED)
    async def answer_input(
        self,
        run_id: FromPath[UUID],
        data: JSONBody[AnswerInput],
        runs: NamedDependency[Runs],
        user: NamedDependency[Principal],
    ) -> RunView:
        """Say in words what the run asked for. The first answer counts."""
        return await runs.answer_input(user.user_id, run_id, data.input_id, data.content)


class ChatControlController(Controller):
    """The same under the names of the chat routes: a stream's id is its run's."""

    path = "/api/v1/chat/stream"
    tags = ["chat"]

    @post("/pause", status_code=200)
    async def pause_stream(
        self, data: JSONBody[StreamRef], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """Let nothing new begin. Readers get nothing until the stream is resumed."""
        return await runs.pause(user.user_id, data.stream_id)

    @post("/resume", status_code=200)
    async def resume_stream(
        self, data: JSONBody[StreamRef], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """Let a paused stream go on."""
        return await runs.resume(user.user_id, data.stream_id)

    @delete("/{stream_id:uuid}", status_code=200)
    async def cancel_stream(
        self, stream_id: FromPath[UUID], runs: NamedDependency[Runs], user: NamedDependency[Principal]
    ) -> RunView:
        """Stop a stream at once; its partial answer is kept."""
        return await runs.cancel(user.user_id, stream_id)
