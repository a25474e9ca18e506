"""Runs that go on: their owner follows and steers them, wherever they are executed."""

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import anyio

from app.domain.runs.engine import Engine
from app.domain.runs.errors import AlreadyAnswered, QuestionNotFound, RunNotFound
from app.domain.runs.freezing import view
from app.domain.runs.questions import APPROVAL, INPUT
from app.domain.runs.repository import ControlRepository, RunRepository
from app.domain.runs.schemas import RunView
from app.domain.runs.states import ACTIVE, CANCEL, CANCEL_AFTER_TURN, PAUSE, RunState
from app.lib.db.engine import Database
from app.lib.runlog.cursor import Cursor
from app.lib.runlog.log import LogWriter

CANCEL_WAIT_SECONDS = 3.0


class Steering:
    """Each verb is a transaction of its own."""

    def __init__(self, db: Database, engine: Engine, writer: LogWriter, *, heartbeat_seconds: float) -> None:
        self._db = db
        self._engine = engine
        self._writer = writer
        self._heartbeat_seconds = heartbeat_seconds

    async def get(self, owner_id: UUID, run_id: UUID) -> RunView:
        async with self._db.reading() as db_session:
            found = await RunRepository(db_session).get(run_id, owner_id)
        if found is None:
            raise RunNotFound
        return view(*found)

    async def cancel(self, owner_id: UUID, run_id: UUID, mode: str = "immediate") -> RunView:
        """Stop the run, wherever it executes: at once, or before another turn begins. Of an ended one nothing changes.

        A run that is paused or waits has no turn to finish. Waits up to three seconds for the end, so that the answer
        usually tells it; not for the end of a turn.
        """
        run = await self.get(owner_id, run_id)
        if run.state not in ACTIVE:
            return run
        await self.stop(run, mode)
        return await self.get(owner_id, run_id)

    async def stop(self, run: RunView, mode: str = "immediate") -> None:
        """What `cancel` does to a run that is active, and waits as it does."""
        if mode == "after_turn" and run.state not in {RunState.PAUSED, RunState.WAITING}:
            await self._ask(run.id, CANCEL_AFTER_TURN)
            return
        # Followed first, so that another node hears of both at once.
        async with self.following(run.id, after=0) as cursor:
            await self._ask(run.id, CANCEL)
            with anyio.move_on_after(CANCEL_WAIT_SECONDS):
                await cursor.end()

    async def _ask(self, run_id: UUID, control: str) -> None:
        async with self._db.writing() as db_session:
            held = await ControlRepository(db_session).ask(run_id, control)
        self._engine.asked(run_id, control, held=held)

    async def pause(self, owner_id: UUID, run_id: UUID) -> RunView:
        """Let nothing new begin. A run that is paused, waits or has ended stays as it is."""
        await self.get(owner_id, run_id)
        async with self._db.writing() as db_session:
            paused = await ControlRepository(db_session).pause(run_id)
        if paused:
            self._engine.asked(run_id, PAUSE)
        return await self.get(owner_id, run_id)

    async def resume(self, owner_id: UUID, run_id: UUID) -> RunView:
        """Let a paused run go on, here or where it is held. One that is not paused stays as it is."""
        await self.get(owner_id, run_id)
        async with self._db.writing() as db_session:
            resumed = await ControlRepository(db_session).resume(run_id)
        if resumed:
            self._engine.asked(run_id, None)
        return await self.get(owner_id, run_id)

    async def answer_approval(
        self, owner_id: UUID, run_id: UUID, approval_id: str, *, approve: bool, reason: str | None
    ) -> RunView:
        """Let a tool call happen, or not. Raises AlreadyAnswered where the answer that counts is another one."""
        return await self._answer(owner_id, run_id, approval_id, APPROVAL, {"approve": approve, "reason": reason})

    async def answer_input(self, owner_id: UUID, run_id: UUID, input_id: str, content: str) -> RunView:
        """Say what the run asked for. Raises AlreadyAnswered where the answer that counts is another one."""
        return await self._answer(owner_id, run_id, input_id, INPUT, {"content": content})

    async def _answer(
        self, owner_id: UUID, run_id: UUID, question_id: str, kind: str, answer: dict[str, Any]
    ) -> RunView:
        run = await self.get(owner_id, run_id)
        async with self._db.writing() as db_session:
            control = ControlRepository(db_session)
            counts = await control.answer(run_id, question_id, kind, answer, still_open=run.state in ACTIVE)
            if counts is None:
                raise QuestionNotFound
            if counts != answer:
                raise AlreadyAnswered
            freed = await control.unpark_answered(run_id)
        if freed:
            self._engine.take(run_id)
        return await self.get(owner_id, run_id)

    @asynccontextmanager
    async def following(self, run_id: UUID, *, after: int, group: Hashable | None = None) -> AsyncIterator[Cursor]:
        """A cursor into the run's log. Readers of one `group` are closed together."""
        hub = self._writer.hub
        head = None if hub.known(run_id) else await self._writer.store.head(run_id)
        reader = hub.join(run_id, head.seq if head else 0, ended=head is None or head.ended, group=group)
        try:
            yield Cursor(hub, self._writer.store, run_id, reader, after=after, heartbeat=self._heartbeat_seconds)
        finally:
            hub.part(run_id, reader)
