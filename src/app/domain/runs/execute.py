"""The one function that executes a run: its first attempt and every later one."""

import copy
from collections.abc import Callable
from enum import Enum, auto
from typing import Any
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
    StreamEvent,
)
from agents.exceptions import ModelRefusalError

from app.domain.quotas.schemas import Spent
from app.domain.runs.assembly import RUN_CONFIG, team
from app.domain.runs.attempt import Attempt
from app.domain.runs.callers import Callers
from app.domain.runs.durable import DurableModels
from app.domain.runs.ends import Ending, cancelled, completed, failed
from app.domain.runs.errors import MaxTurnsReached, ModelMisbehaved, RunCrashed, RunInterrupted, RunTimeout
from app.domain.runs.events import SessionInitialized
from app.domain.runs.execution import Execution, Stop
from app.domain.runs.memory import Memory
from app.domain.runs.metering import recalled
from app.domain.runs.models import Run
from app.domain.runs.notices import RunNow
from app.domain.runs.records import Claim, RunRecords
from app.domain.runs.runner import known_error, streamed
from app.domain.runs.states import RunState
from app.domain.runs.told import read_told
from app.domain.runs.translate import session_input
from app.lib.errors import AppError
from app.lib.runlog.errors import LeaseLost
from app.lib.runlog.log import LogWriter

MAX_CRASHES = 10
"""A run whose process died so often is not tried again: it may be why."""

logger = structlog.get_logger()


class Outcome(Enum):
    ENDED = auto()
    LOST = auto()
    """Another attempt owns the run, or it had ended."""
    RELEASED = auto()
    """Given back unfinished: the process is leaving, or what the run was put aside for is over."""
    PARKED = auto()
    """Nobody is to execute it until it is resumed or answered."""


class Executor:
    def __init__(
        self,
        records: RunRecords,
        writer: LogWriter,
        callers: Callers,
        *,
        on_change: Callable[[RunNow], None],
        max_turns: int,
        timeout_seconds: float,
        hold_seconds: float,
    ) -> None:
        self._records = records
        self._on_change = on_change
        self._writer = writer
        self._callers = callers
        self._max_turns = max_turns
        self._timeout_seconds = timeout_seconds
        self._hold_seconds = hold_seconds
        self.active: dict[UUID, Execution] = {}
        self._idle = anyio.Event()

    async def idle(self) -> None:
        """Wait until no run is executed here."""
        while self.active:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def execute(self, run_id: UUID, *, owner: str, claim: Claim | None = None) -> Outcome:
        """Run `run_id` until it ends, is put aside, or another process has it.

        Safe to call at any time: the claim decides who may write. Whoever stored the run brings the first one along.
        """
        claim = claim or await self._records.claim(run_id, owner)
        if claim is None:
            return Outcome.LOST
        error: AppError | None = None
        memory, left = Memory(), list[Spent]()
        if claim.attempt > 1:
            try:
                memory, left = await self._remember(run_id)
            except msgspec.MsgspecError as unreadable:
                logger.exception("what a run stored cannot be read", run_id=str(run_id), exc_info=unreadable)
                error = RunInterrupted()
            if claim.crashes > MAX_CRASHES:
                error = RunInterrupted()
        execution = self.active[run_id] = self._execution(claim, memory, left)
        try:
            if claim.seq == 0:
                execution.attempt.tell(_initialized(claim))
                self._on_change(_now(claim.run, RunState.RUNNING))
            if error is None:
                error = await self._drive(claim, execution)
            return await self._finish(execution, error)
        except LeaseLost:
            logger.warning("lease lost", run_id=str(run_id), attempt=claim.attempt)
            await self._records.lose(run_id, execution.meter)
            return Outcome.LOST
        finally:
            execution.close()
            del self.active[run_id]
            self._idle.set()
            self._writer.hub.leave(run_id)

    async def _remember(self, run_id: UUID) -> tuple[Memory, list[Spent]]:
        told = await read_told(self._writer.store, run_id)
        steps, questions, left = await self._records.stored(run_id)
        memory = Memory(steps, told, questions)
        return memory, recalled(left, memory)

    def _execution(self, claim: Claim, memory: Memory, left: list[Spent]) -> Execution:
        log = self._writer.open(claim.run.id, claim.attempt, claim.seq)
        attempt = Attempt(
            log,
            self._records.context(claim.run),
            memory=memory,
            keep_question=lambda question: self._records.keep_question(claim.run.id, question),
            time_line=claim.run.time_line,
        )
        seconds = self._timeout_seconds - claim.spent
        meter = self._records.meter(claim, left)
        return Execution(claim, attempt, meter, seconds=seconds, hold_seconds=self._hold_seconds)

    async def _drive(self, claim: Claim, execution: Execution) -> AppError | None:
        """Returns why the run failed, None where it did not; whether it was stopped is the execution's to say."""
        with execution.working():
            try:
                await self._run(claim, execution)
            except LeaseLost:
                raise
            except MaxTurnsExceeded:
                return MaxTurnsReached(self._max_turns)
            except ModelRefusalError:
                return None  # what the model said instead is told, and is the answer
            except ModelBehaviorError:
                return ModelMisbehaved()
            except Exception as error:
                known = known_error(error)
                if known is None:
                    logger.exception("a run crashed", run_id=str(claim.run.id), exc_info=error)
                return known or RunCrashed()
        return RunTimeout(self._timeout_seconds) if execution.timed_out else None

    async def _run(self, claim: Claim, execution: Execution) -> None:
        run, attempt = claim.run, execution.attempt
        execution.obey(claim.control)
        if claim.control is None:
            attempt.resume()
        try:
            agents = team(run.definition)
        except msgspec.MsgspecError:
            raise RunInterrupted from None  # a later release has stored what this one does not know
        attempt.handoff_names = agents.handoff_names
        config = copy.copy(RUN_CONFIG)
        config.model_provider = DurableModels(attempt, self._callers, run, execution.meter)
        result = Runner.run_streamed(
            agents.root,
            session_input(claim.items),
            context=attempt,
            max_turns=self._max_turns,
            run_config=config,
        )
        async for event in streamed(result):
            _translate(attempt, event)
        await attempt.gate.passed()  # a paused run does not end before it is resumed

    async def _finish(self, execution: Execution, error: AppError | None) -> Outcome:
        attempt, run, stopped = execution.attempt, execution.run, execution.stopped
        if stopped is Stop.LOST:
            raise LeaseLost
        attempt.telling.flush()
        execution.aside = stopped in {Stop.LEAVING, Stop.PARKED}
        if stopped is Stop.LEAVING:
            await attempt.log.store()
            await self._records.release(run.id, attempt.log.attempt, execution.spent, execution.meter)
            return Outcome.RELEASED
        if stopped is Stop.PARKED:
            await attempt.log.store(*attempt.cut())
            parked = await self._records.park(run.id, attempt.log.attempt, execution.spent, execution.meter)
            return Outcome.PARKED if parked else Outcome.RELEASED
        attempt.log.unbound()
        attempt.close_partial()
        if stopped is Stop.CANCELLED:
            ending = cancelled(attempt, upstream_closed=attempt.upstream_closed)
        else:
            ending = failed(attempt, error) if error else completed(attempt)
        await self._settle(run.id, attempt, ending, execution)
        return Outcome.ENDED

    async def _settle(self, run_id: UUID, attempt: Attempt, ending: Ending, execution: Execution) -> None:
        await attempt.log.store()
        spent = execution.meter.close("cancelled" if execution.stopped is Stop.CANCELLED else "failed")
        try:
            batch = await self._records.settle(execution.run, attempt, ending, spent)
        except Exception as refused:
            # The database does not take this end, now or ever: the run ends all the same.
            logger.exception("a run's end was refused", run_id=str(run_id), exc_info=refused)
            batch = await self._records.settle(execution.run, attempt, failed(attempt, RunCrashed()), spent, bare=True)
        self._writer.hub.publish(batch)
        self._on_change(_now(execution.run, ending.state))


def _now(run: Run, state: RunState) -> RunNow:
    return RunNow(run.id, run.owner_id, run.session_key, run.agent, state)


def _initialized(claim: Claim) -> SessionInitialized:
    run = claim.run
    return SessionInitialized(
        session_id=run.session_key, run_id=str(run.id), agent=run.agent, model=run.model, attempt=claim.attempt
    )


def _translate(attempt: Attempt, event: StreamEvent) -> None:
    """What the SDK alone knows: who works, and outputs that no tool of ours made."""
    if isinstance(event, AgentUpdatedStreamEvent):
        attempt.tell_agent(event.new_agent.name)
    elif isinstance(event, RunItemStreamEvent) and event.name in {"tool_output", "handoff_occured"}:
        item: dict[str, Any] = dict(event.item.to_input_item())
        if item.get("type") == "function_call_output":
            attempt.note_output(str(item["call_id"]), str(item["output"]), tell=event.name == "tool_output")
