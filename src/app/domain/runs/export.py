"""A session with all its runs, read page by page: a long conversation is never in memory as a whole."""

from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from app.domain.runs.events import Message, MessageDelta, RunEvent, Superseded, ToolCall, ToolResult, Usage, decode
from app.domain.runs.models import Run
from app.domain.runs.repository import RunRepository
from app.domain.runs.states import ACTIVE
from app.domain.runs.transcript import ExportedEntry, ExportedRun, ExportedSession, is_partial
from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.history import text_of
from app.domain.sessions.schemas import HistoryEntry, SessionRef
from app.domain.sessions.service import SessionService
from app.lib.clock import Clock
from app.lib.db.engine import Database
from app.lib.runlog.frames import parse, split
from app.lib.runlog.store import LogStore
from app.lib.runlog.tables import RunHead

RUNS_A_PAGE = 20
_LOG_PAGE = 256 * 1024
_SHOWN = frozenset({b"message_delta", b"message", b"tool_call", b"tool_result", b"superseded"})


class Export(NamedTuple):
    session: ExportedSession
    runs: AsyncGenerator[ExportedRun]
    """Oldest first. Raises SessionNotFound where the session is deleted meanwhile."""


class Exports:
    def __init__(self, db: Database, clock: Clock, store: LogStore) -> None:
        self._db = db
        self._clock = clock
        self._store = store

    async def begin(self, owner_id: UUID, session_key: str) -> Export:
        """Reads the first page, so that what has no session is refused here."""
        async with self._db.reading() as db_session:
            sessions = SessionService.open(db_session, owner_id, clock=self._clock)
            ref, view = await sessions.find(session_key), await sessions.get(session_key)
            brought = await sessions.written_by(ref.id, [])
        session = ExportedSession(
            id=view.id,
            title=view.title,
            created_at=view.created_at,
            last_active_at=view.last_active_at,
            exported_at=self._clock.now(),
            history=_exported(brought),
        )
        return Export(session, self._runs(owner_id, ref, await self._page(owner_id, ref, after=None)))

    async def _runs(self, owner_id: UUID, ref: SessionRef, page: list[ExportedRun]) -> AsyncGenerator[ExportedRun]:
        while page:
            for run in page:
                yield run
            page = await self._page(owner_id, ref, after=page[-1].id)

    async def _page(self, owner_id: UUID, ref: SessionRef, *, after: UUID | None) -> list[ExportedRun]:
        """In a transaction of its own: none stays open while a slow client reads."""
        async with self._db.reading() as db_session:
            sessions = SessionService.open(db_session, owner_id, clock=self._clock)
            if (await sessions.find(ref.key)).id != ref.id:
                raise SessionNotFound
            rows = await RunRepository(db_session).of_session(ref.id, owner_id, after=after, limit=RUNS_A_PAGE)
            written = await sessions.written_by(ref.id, [run.id for run, _ in rows]) if rows else []
        of_run: dict[UUID | None, list[HistoryEntry]] = defaultdict(list)
        for entry in written:
            of_run[entry.run_id].append(entry)
        return [await self._run(run, head, of_run[run.id]) for run, head in rows]

    async def _run(self, run: Run, head: RunHead, written: list[HistoryEntry]) -> ExportedRun:
        active = run.state in ACTIVE
        return ExportedRun(
            id=run.id,
            agent=run.agent,
            model=run.model,
            state=run.state,
            attempts=head.attempt,
            interruptions=max(0, head.attempt - 1),
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
            usage=msgspec.convert(run.usage, Usage) if run.usage else None,
            finish_reason=run.finish_reason,
            error_code=run.error.get("code") if run.error else None,
            partial=is_partial(run.state),
            replaces=run.replaces,
            replaced_by=written[0].replaced_by if written else None,
            history=[*_asked(run), *await so_far(self._store, run.id)] if active else _exported(written),
        )


def _exported(entries: Sequence[HistoryEntry]) -> list[ExportedEntry]:
    return msgspec.convert(entries, list[ExportedEntry], from_attributes=True)


def _asked(run: Run) -> list[ExportedEntry]:
    """What an active run was given: it becomes part of the session when the run ends."""
    items = msgspec.json.decode(run.input, type=list[dict[str, Any]])
    return [ExportedEntry(role=item.get("role", "user"), content=text_of(item.get("content"))) for item in items]


async def so_far(store: LogStore, run_id: UUID) -> list[ExportedEntry]:
    """What a run that goes on has told: no entry for what is void, and a partial one for what is being written."""
    shown: list[tuple[int, RunEvent]] = []
    seq = 0
    while batches := await store.read(run_id, seq, _LOG_PAGE):
        for frame in (one for batch in batches for one in split(batch.frames)):
            number, name, data = parse(frame)
            if name in _SHOWN:
                shown = _with(shown, number, decode(name, data))
        seq = batches[-1].last_seq
    finished = [entry for _, event in shown if (entry := _entry(event)) is not None]
    text = "".join(event.content for _, event in shown if isinstance(event, MessageDelta))
    return [*finished, ExportedEntry(role="assistant", content=text, partial=True)] if text else finished


def _with(shown: list[tuple[int, RunEvent]], number: int, event: RunEvent) -> list[tuple[int, RunEvent]]:
    if isinstance(event, Superseded):
        return [entry for entry in shown if entry[0] < event.from_seq]
    if isinstance(event, Message):  # it says what its deltas said
        shown = [entry for entry in shown if not isinstance(entry[1], MessageDelta)]
    shown.append((number, event))
    return shown


def _entry(event: RunEvent) -> ExportedEntry | None:
    match event:
        case Message():
            return ExportedEntry(role="assistant", content=event.content, partial=event.partial)
        case ToolCall():
            return ExportedEntry(
                role="assistant",
                content="",
                tool_call_id=event.tool_call_id,
                tool_name=event.tool_name,
                arguments=event.arguments,
            )
        case ToolResult(output=output):
            return ExportedEntry(
                role="tool",
                content=output if isinstance(output, str) else msgspec.json.encode(output).decode(),
                tool_call_id=event.tool_call_id,
                tool_name=event.tool_name,
                is_error=event.is_error,
            )
    return None
