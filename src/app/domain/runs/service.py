"""Runs as their owner sees them: started, looked up, followed and steered."""

from contextlib import suppress
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.domain.accounts.schemas import Principal
from app.domain.agents.schemas import DefinitionSet
from app.domain.agents.service import AgentService
from app.domain.quotas.service import Gate, Metering, Passage
from app.domain.runs.admission import Place
from app.domain.runs.callers import Callers
from app.domain.runs.engine import Engine
from app.domain.runs.errors import NotReplaceable, RunNotFound, SessionBusy, StreamingDisabled
from app.domain.runs.freezing import models_of, time_line, view, with_model
from app.domain.runs.idempotency import RepeatableStart
from app.domain.runs.messages import checked, continuing
from app.domain.runs.models import Run
from app.domain.runs.records import Claim
from app.domain.runs.repository import RunRepository, StartKeyRepository
from app.domain.runs.schemas import ContinueRun, Origin, Reset, RunView, Started, StartRun, lost_cursor
from app.domain.runs.states import ACTIVE, RunState
from app.domain.runs.steering import Steering
from app.domain.runs.translate import TIME_LINE
from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.schemas import HistoryEntry, Message, SessionRef
from app.domain.sessions.service import SessionService
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.runlog.log import LogWriter


class Runs(Steering):
    """Each verb is a transaction of its own: a stream outlives the request's."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        engine: Engine,
        writer: LogWriter,
        callers: Callers,
        *,
        gate: Gate,
        metering: Metering,
        default_model: str,
        heartbeat_seconds: float,
        streaming: bool,
    ) -> None:
        super().__init__(db, engine, writer, heartbeat_seconds=heartbeat_seconds)
        self._clock = clock
        self._callers = callers
        self._gate = gate
        self._metering = metering
        self._default_model = default_model
        self._streaming = streaming

    def may_stream(self) -> None:
        """Raises StreamingDisabled where the operator switched it off."""
        if not self._streaming:
            raise StreamingDisabled

    def reader(self) -> Place:
        """Room for one who will follow a run, taken before the run is started. Raises TooManyReaders."""
        return self._engine.admission.reader()

    async def start(
        self,
        user: Principal,
        agent: str | DefinitionSet,
        body: StartRun,
        again: RepeatableStart | None = None,
        origin: Origin | None = None,
    ) -> Started:
        """Store a run and hand it to the engine. Nothing is stored or counted where it is refused.

        A start that may be said `again` and was said before is the run of then, and costs nothing. All others pass the
        gate: raises LimitExceeded.
        """
        if again is not None and (begun := await self._begun(user.user_id, again)) is not None:
            return Started(*begun)
        with self._engine.admit() as place:
            passage = self._gate.passage(user.user_id, uuid7())
            return await self._start(user, agent, body, again, origin, place=place, passage=passage)

    async def go_on(self, user: Principal, run_id: UUID, body: ContinueRun, again: RepeatableStart | None) -> Started:
        """Start a run that goes on where a final one broke off. Raises NotContinuable."""
        if again is not None and (begun := await self._begun(user.user_id, again)) is not None:
            return Started(*begun)
        run = await self.get(user.user_id, run_id)
        newest, _ = await self.page(user.user_id, active=False, session_id=run.session_id, limit=1, offset=0)
        return await self.start(user, run.agent, continuing(run, newest, body), again)

    async def _start(
        self,
        user: Principal,
        agent: str | DefinitionSet,
        body: StartRun,
        again: RepeatableStart | None,
        origin: Origin | None,
        *,
        place: Place,
        passage: Passage,
    ) -> Started:
        seed, message = checked(body.messages)
        now = self._clock.now()
        run_id = passage.run_id
        async with self._db.writing() as db_session, passage:
            if again is not None:
                keys = StartKeyRepository(db_session, user.user_id)
                if (begun := await keys.take(again, run_id, now=now)) is not None:
                    return Started(*begun)
            standing = await passage.enter(db_session)
            if isinstance(agent, str):
                agent = await AgentService.open(db_session, user.user_id).definition(agent)
            definitions = with_model(agent, body.model)
            model = definitions.root_agent.model or self._default_model
            models, fallbacks = models_of(definitions)
            if await self._callers.check(db_session, user.user_id, body.secret_id, {model, *models}, fallbacks):
                passage.borrow()
            sessions = SessionService.open(db_session, user.user_id, clock=self._clock)
            session = await sessions.get_or_create(body.session_id, message)
            runs = RunRepository(db_session)
            if body.replaces is not None:
                await self._branch(db_session, user.user_id, session, body.replaces, by=run_id)
            if session.last_seq == 0 and seed:
                await sessions.seed(session.id, [Message(role=m.role, content=m.content) for m in seed])
            told = time_line(now, user.time_zone)
            item = {"type": "message", "role": "user", "content": message, TIME_LINE: told}
            row = {
                "id": run_id,
                "owner_id": user.user_id,
                "session_id": session.id,
                "session_key": session.key,
                "agent": definitions.root,
                "model": model,
                "state": RunState.RUNNING,
                "definition": msgspec.json.encode(definitions),
                "input": msgspec.json.encode([item]),
                "history_seq": session.last_seq or len(seed),
                "time_line": told,
                "replaces": body.replaces,
                "secret_id": body.secret_id,
                "cancel_when_left": body.on_disconnect == "cancel",
                "origin": msgspec.json.encode(origin) if origin else None,
                "created_at": now,
                "updated_at": now,
                "started_at": now,
            }
            if not await runs.add(row, self._engine.owner, self._engine.lease_seconds):
                raise SessionBusy(await runs.active_on(session.id) or run_id)
            history = await sessions.items(session.id) if row["history_seq"] else []
        self._engine.submit(Claim(Run(**row), attempt=1, seq=0, control=None, items=[*history, item]), place)
        return Started(run_id, session.key, standing)

    async def delete_session(self, owner_id: UUID, session_key: str) -> None:
        """Delete a session with its items, runs and logs; what still runs is cancelled first."""
        active, _ = await self.page(owner_id, active=True, session_id=session_key, limit=1, offset=0)
        for run in active:
            with suppress(RunNotFound):  # somebody else deletes the session at the same time
                await self.cancel(owner_id, run.id)
        async with self._db.writing() as db_session:
            await self._metering.forget_session(db_session, owner_id, session_key)
            await SessionService.open(db_session, owner_id, clock=self._clock).delete(session_key)

    async def lost(self, run: RunView, cursor: int) -> Reset | None:
        """What a reader is told whose cursor lies outside what the log holds."""
        purged = False
        if run.state not in ACTIVE:
            async with self._db.reading() as db_session:
                purged = await RunRepository(db_session).log_purged(run.id)
        return lost_cursor(run, cursor, log_purged=purged)

    async def active(self, run_ids: set[UUID]) -> set[UUID]:
        """Those of them that have not ended, whoever's they are."""
        async with self._db.reading() as db_session:
            return await RunRepository(db_session).active(run_ids)

    async def page(
        self, owner_id: UUID, *, active: bool, session_id: str | None, limit: int, offset: int
    ) -> tuple[list[RunView], int]:
        """Newest first, and how many there are."""
        async with self._db.reading() as db_session:
            rows, total = await RunRepository(db_session).page(
                owner_id, active=active, session_key=session_id, limit=limit, offset=offset
            )
        return [view(run, head) for run, head in rows], total

    async def history(self, owner_id: UUID, session_key: str) -> list[HistoryEntry]:
        """Empty where the session was deleted meanwhile."""
        async with self._db.reading() as db_session:
            try:
                return await SessionService.open(db_session, owner_id, clock=self._clock).history(session_key)
            except SessionNotFound:
                return []

    async def _begun(self, owner_id: UUID, start: RepeatableStart) -> tuple[UUID, str] | None:
        async with self._db.reading() as db_session:
            return await StartKeyRepository(db_session, owner_id).find(start, now=self._clock.now())

    async def _branch(
        self, db_session: AsyncSession, owner_id: UUID, session: SessionRef, replaced_id: UUID, *, by: UUID
    ) -> None:
        """Leave the session's items from the replaced run on out of what follows."""
        found = await RunRepository(db_session).get(replaced_id, owner_id)
        if found is None:
            raise RunNotFound
        replaced, _ = found
        if replaced.session_id != session.id or replaced.state in ACTIVE:
            raise NotReplaceable
        sessions = SessionService.open(db_session, owner_id, clock=self._clock)
        await sessions.branch(session.id, before=replaced_id, by=by)
