"""The one function that executes a run."""

import asyncio
import copy
from enum import Enum, auto
from typing import Any, cast
from uuid import UUID

import anyio
import msgspec
import structlog
from agents import (
    AgentUpdatedStreamEvent,
    MaxTurnsExceeded,
    ModelBehaviorError,
    RunItemStreamEvent,
    Runner,
    RunResultStreaming,
    StreamEvent,
)
from agents.exceptions import ModelRefusalError
from agents.items import TResponseInputItem

from app.domain.runs.assembly import RUN_CONFIG, team
from app.domain.runs.attempt import Attempt
from app.domain.runs.durable import DurableModels
from app.domain.runs.ends import Ending, cancelled, completed, failed
from app.domain.runs.errors import MaxTurnsReached, ModelMisbehaved, RunCrashed, RunInterrupted, RunTimeout
from app.domain.runs.events import AgentUpdated, SessionInitialized
from app.domain.runs.models import Run
from app.domain.runs.partial import unfinished_text
from app.domain.runs.records import Claim, RunRecords
from app.lib.errors import AppError
from app.lib.providers.registry import Registry
from app.lib.runlog.errors import LeaseLost
from app.lib.runlog.log import LogWriter

UNWIND_SECONDS = 2.0
CANCEL = "cancel"

logger = structlog.get_logger()


class Outcome(Enum):
    ENDED = auto()
    LOST = auto()
    """Another attempt owns the run, or it had ended."""
    RELEASED = auto()
    """Given back unfinished: the process is leaving."""


class Stop(Enum):
    """Why an execution was asked to stop."""

    CANCELLED = auto()
    LEAVING = auto()
    LOST = auto()


class Execution:
    """A run that this process executes, as others may reach it."""

    def __init__(self, claim: Claim, attempt: Attempt) -> None:
        self.run = claim.run
        self.attempt = attempt
        self.stopped: Stop | None = None
        self.scope = anyio.CancelScope()
        attempt.log.on_control = self._obey
        attempt.log.on_lost = self._lose
        if claim.control is not None:
            self._obey(claim.control)

    def stop(self, why: Stop) -> None:
        """At once: the call in flight is cut. The first reason counts, but for a lost lease."""
        if self.stopped is None or why is Stop.LOST:
            self.stopped = why
            self.scope.cancel()

    def _obey(self, control: str) -> None:
        if control == CANCEL:
            self.stop(Stop.CANCELLED)

    def _lose(self) -> None:
        self.stop(Stop.LOST)


class Executor:
    def __init__(
        self, records: RunRecords, writer: LogWriter, registry: Registry, *, max_turns: int, timeout_seconds: float
    ) -> None:
        self._records = records
        self._writer = writer
        self._registry = registry
        self._max_turns = max_turns
        self._timeout_seconds = timeout_seconds
        self.active: dict[UUID, Execution] = {}
        self._idle = anyio.Event()

    async def idle(self) -> None:
        """Wait until no run is executed here."""
        while self.active:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def execute(self, run_id: UUID, *, owner: str, claim: Claim | None = None) -> Outcome:
        """Run `run_id` until it ends or another process has it.

        Safe to call at any time: the claim decides who may write. Whoever stored the run brings the first one along.
        """
        claim = claim or await self._records.claim(run_id, owner)
        if claim is None:
            return Outcome.LOST
        execution = self.active[run_id] = Execution(claim, self._attempt(claim))
        try:
            error = await self._drive(claim, execution)
            return await self._finish(execution, error)
        except LeaseLost:
            logger.warning("lease lost", run_id=str(run_id), attempt=claim.attempt)
            return Outcome.LOST
        finally:
            del self.active[run_id]
            self._idle.set()
            self._writer.hub.leave(run_id)

    async def interrupt(self, run_id: UUID, *, owner: str) -> Outcome:
        """End a run whose process died: failed, with what it had stored."""
        claim = await self._records.claim(run_id, owner)
        if claim is None:
            return Outcome.LOST
        attempt = self._attempt(claim)
        attempt.log.unbound()
        try:
            if claim.seq == 0:
                attempt.tell(_initialized(claim))
            await self._restore(attempt)
            attempt.close_partial()
            ending = (
                cancelled(attempt, upstream_closed=False)
                if claim.control == CANCEL
                else failed(attempt, RunInterrupted())
            )
            await self._settle(claim.run, attempt, ending)
        except LeaseLost:
            return Outcome.LOST
        finally:
            self._writer.hub.leave(run_id)
        return Outcome.ENDED

    async def _restore(self, attempt: Attempt) -> None:
        """What was stored; a step that cannot be read is no reason never to end."""
        try:
            attempt.text = await unfinished_text(self._writer.store, attempt.run_id)
            attempt.restore(await self._records.steps(attempt.run_id), attempt.text)
        except msgspec.MsgspecError as error:
            logger.exception("what a run stored cannot be read", run_id=str(attempt.run_id), exc_info=error)

    def _attempt(self, claim: Claim) -> Attempt:
        log = self._writer.open(claim.run.id, claim.attempt, claim.seq)
        context, key = self._records.context(claim.run), self._registry.key_of(claim.run.model)
        return Attempt(log, context, time_line=claim.run.time_line, credential=key)

    async def _drive(self, claim: Claim, execution: Execution) -> AppError | None:
        """Returns why the run failed, None where it did not; whether it was stopped is the execution's to say."""
        with execution.scope, anyio.move_on_after(self._timeout_seconds) as limit:
            try:
                await self._run(claim, execution.attempt)
            except LeaseLost:
                raise
            except MaxTurnsExceeded:
                return MaxTurnsReached(self._max_turns)
            except ModelRefusalError:
                return None  # what the model said instead is told, and is the answer
            except ModelBehaviorError:
                return ModelMisbehaved()
            except Exception as error:
                known = _known(error)
                if known is None:
                    logger.exception("a run crashed", run_id=str(claim.run.id), exc_info=error)
                return known or RunCrashed()
        return RunTimeout(self._timeout_seconds) if limit.cancelled_caught else None

    async def _run(self, claim: Claim, attempt: Attempt) -> None:
        run = claim.run
        if claim.seq == 0:
            attempt.tell(_initialized(claim))
        agents = team(run.definition)
        attempt.handoff_names = agents.handoff_names
        config = copy.copy(RUN_CONFIG)
        config.model_provider = DurableModels(attempt, self._registry, run.model)
        result = Runner.run_streamed(
            agents.root,
            cast("list[TResponseInputItem]", claim.items),
            context=attempt,
            max_turns=self._max_turns,
            run_config=config,
        )
        try:
            async for event in result.stream_events():
                _translate(attempt, event)
        finally:
            result.cancel()
            await _unwound(result)

    async def _finish(self, execution: Execution, error: AppError | None) -> Outcome:
        attempt, run = execution.attempt, execution.run
        if execution.stopped is Stop.LOST:
            raise LeaseLost
        if execution.stopped is Stop.LEAVING:
            await attempt.log.store()
            await self._records.release(run.id, attempt.log.attempt)
            return Outcome.RELEASED
        attempt.log.unbound()
        attempt.close_partial()
        if execution.stopped is Stop.CANCELLED:
            closed = attempt.stream is not None and attempt.stream.upstream_closed
            ending = cancelled(attempt, upstream_closed=closed)
        else:
            ending = failed(attempt, error) if error else completed(attempt)
        await self._settle(run, attempt, ending)
        return Outcome.ENDED

    async def _settle(self, run: Run, attempt: Attempt, ending: Ending) -> None:
        await attempt.log.store()
        self._writer.hub.publish(await self._records.settle(run, attempt, ending))


def _initialized(claim: Claim) -> SessionInitialized:
    run = claim.run
    return SessionInitialized(
        session_id=run.session_key, run_id=str(run.id), agent=run.agent, model=run.model, attempt=claim.attempt
    )


def _translate(attempt: Attempt, event: StreamEvent) -> None:
    """What the SDK alone knows: who works, and outputs that no tool of ours made."""
    if isinstance(event, AgentUpdatedStreamEvent):
        attempt.tell(AgentUpdated(name=event.new_agent.name))
    elif isinstance(event, RunItemStreamEvent) and event.name in {"tool_output", "handoff_occured"}:
        item: dict[str, Any] = dict(event.item.to_input_item())
        if item.get("type") == "function_call_output":
            attempt.note_output(str(item["call_id"]), str(item["output"]), tell=event.name == "tool_output")


def _known(error: BaseException) -> AppError | None:
    """Our own error, also where the SDK has wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, AppError):
            return cause
        cause = cause.__cause__
    return None


async def _unwound(result: RunResultStreaming) -> None:
    """Wait until the SDK's own task has closed what it had open, the provider's connection among it."""
    task = result.run_loop_task
    if task is not None and not task.done():
        with anyio.move_on_after(UNWIND_SECONDS, shield=True):
            await asyncio.wait([task])
