"""Conversations: what was said in them, numbered, and belonging to one user."""

import re
from collections.abc import Collection, Sequence
from typing import Any, Protocol, Self, runtime_checkable
from uuid import UUID, uuid4

from sqlalchemy.ext.asyncio import AsyncSession
from uuid_utils.compat import uuid7

from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.history import entries
from app.domain.sessions.models import Session
from app.domain.sessions.repository import SessionRepository
from app.domain.sessions.schemas import KEY_PATTERN, HistoryEntry, Message, SessionRef, SessionView
from app.lib.clock import Clock, SystemClock
from app.lib.errors import InvalidField

TITLE_LENGTH = 60
_KEY = re.compile(KEY_PATTERN)
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


@runtime_checkable
class SessionRemover(Protocol):
    """Whoever can delete a session with what goes on in it: runs do, which sessions know nothing of."""

    async def delete_session(self, owner_id: UUID, session_key: str) -> None: ...


class SessionService:
    """Everything happens in the caller's transaction."""

    def __init__(self, repository: SessionRepository, clock: Clock) -> None:
        self._repository = repository
        self._clock = clock

    @classmethod
    def open(cls, db_session: AsyncSession, owner_id: UUID, *, clock: Clock | None = None) -> Self:
        return cls(SessionRepository(db_session, owner_id), clock or SystemClock())

    async def get_or_create(self, key: str | None, message: str | None = None) -> SessionRef:
        """The owner's session of this key, made where there is none; without a key, a new one.

        It is active now; the first message it hears becomes its title. Two first requests at once get the same
        session. Another user's session of this key is never met.
        """
        if key is not None and not _KEY.match(key):
            raise InvalidField("/session_id", "A session id is 1 to 128 letters, digits, `_` and `-`.")
        key = uuid4().hex if key is None else key
        new_id = uuid7()
        session_id, last_seq = await self._repository.enter(new_id, key, self._clock.now(), title_of(message or ""))
        return SessionRef(id=session_id, key=key, last_seq=last_seq, created=session_id == new_id)

    async def items(self, session_id: UUID, *, up_to: int | None = None) -> list[dict[str, Any]]:
        """What a model is given of the conversation, up to the item of this number."""
        return [*await self._repository.contents(session_id, up_to)]

    async def add_items(self, session_id: UUID, run_id: UUID | None, items: Sequence[dict[str, Any]]) -> int:
        """Number the items on from the last one and store them. Returns the newest number."""
        now = self._clock.now()
        after = await self._repository.numbers(session_id, len(items), now)
        if after is None:
            raise SessionNotFound
        if items:
            await self._repository.insert_items(session_id, run_id, items, after=after, at=now)
        return after + len(items)

    async def seed(self, session_id: UUID, messages: Sequence[Message]) -> int:
        """Begin the conversation with messages a client brought along, unless it has items of its own.

        Returns how many were taken: all or none.
        """
        if not messages:
            return 0
        now = self._clock.now()
        if await self._repository.numbers(session_id, len(messages), now, only_first=True) is None:
            return 0
        await self._repository.insert_items(session_id, None, [_item(m) for m in messages], after=0, at=now)
        return len(messages)

    async def branch(self, session_id: UUID, *, before: UUID, by: UUID) -> None:
        """Go on from before the run `before`, with the run `by` in its place. What is left out stays stored."""
        await self._repository.replace_from(session_id, before, by)

    async def history(self, key: str) -> list[HistoryEntry]:
        """The whole conversation in reading order, without credentials in what tools got and gave."""
        session = await self._own(key)
        return [*entries(await self._repository.items(session.id))]

    async def written_by(self, session_id: UUID, run_ids: Collection[UUID]) -> list[HistoryEntry]:
        """The same of these runs alone, and also what was replaced; without any, what a client brought along."""
        return [*entries(await self._repository.written_by(session_id, run_ids))]

    async def page(self, *, limit: int, offset: int) -> tuple[list[SessionView], int]:
        """The sessions with the newest activity first, and how many there are."""
        rows, total = await self._repository.newest(limit=limit, offset=offset)
        return [_view(row) for row in rows], total

    async def get(self, key: str) -> SessionView:
        return _view(await self._own(key))

    async def find(self, key: str) -> SessionRef:
        session = await self._own(key)
        return SessionRef(id=session.id, key=session.key, last_seq=session.last_seq, created=False)

    async def delete(self, key: str) -> None:
        """Its items and runs go with it: a run that is still going on finds its row gone at its next event."""
        if not _KEY.match(key) or not await self._repository.remove(key):
            raise SessionNotFound

    async def _own(self, key: str) -> Session:
        session = await self._repository.by_key(key) if _KEY.match(key) else None
        if session is None:
            raise SessionNotFound
        return session


def title_of(message: str) -> str | None:
    """The beginning of a message on one line, cut between words where that loses little."""
    line = " ".join(_CONTROL.sub(" ", message).split())
    if len(line) <= TITLE_LENGTH:
        return line or None
    cut = line[: TITLE_LENGTH - 1]
    words = cut.rpartition(" ")[0]
    return (words if len(words) > TITLE_LENGTH // 2 else cut).rstrip() + "…"


def _item(message: Message) -> dict[str, Any]:
    if message.role != "assistant":
        return {"type": "message", "role": message.role, "content": message.content}
    part = {"type": "output_text", "text": message.content, "annotations": []}
    return {"type": "message", "role": "assistant", "status": "completed", "content": [part]}


def _view(row: Session) -> SessionView:
    return SessionView(id=row.key, title=row.title, created_at=row.created_at, last_active_at=row.last_active_at)
