"""`/api/sessions`: the caller's conversations."""

from typing import Annotated

from litestar import Controller, delete, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.accounts.schemas import Principal
from app.domain.sessions.schemas import History, SessionList, SessionView
from app.domain.sessions.service import SessionRemover, SessionService
from app.lib.clock import Clock

# `FromQuery` of a type with bounds of its own would lose them.
Limit = Annotated[int, QueryParameter(ge=1, le=100)]
HistoryLimit = Annotated[int, QueryParameter(ge=1, le=1000)]
Offset = Annotated[int, QueryParameter(ge=0, le=1_000_000_000)]


def provide_sessions(
    db_session: NamedDependency[AsyncSession], user: NamedDependency[Principal], clock: NamedDependency[Clock]
) -> SessionService:
    return SessionService.open(db_session, user.user_id, clock=clock)


class SessionController(Controller):
    path = "/api/sessions"
    tags = ["sessions"]
    dependencies = {"sessions": Provide(provide_sessions, sync_to_thread=False)}

    @get()
    async def list_sessions(
        self, sessions: NamedDependency[SessionService], limit: Limit = 50, offset: Offset = 0
    ) -> SessionList:
        """The caller's sessions, newest activity first."""
        items, total = await sessions.page(limit=limit, offset=offset)
        return SessionList(items=items, total=total, limit=limit, offset=offset)

    @get("/{session_id:str}")
    async def get_session(self, session_id: FromPath[str], sessions: NamedDependency[SessionService]) -> SessionView:
        """One session."""
        return await sessions.get(session_id)

    @delete("/{session_id:str}")
    async def delete_session(
        self, session_id: FromPath[str], user: NamedDependency[Principal], remover: NamedDependency[SessionRemover]
    ) -> None:
        """Delete a session with its runs and their logs; what still runs is cancelled first."""
        await remover.delete_session(user.user_id, session_id)

    @get("/{session_id:str}/history")
    async def read_history(
        self,
        session_id: FromPath[str],
        sessions: NamedDependency[SessionService],
        limit: HistoryLimit = 1000,
        offset: Offset = 0,
    ) -> History:
        """What was said and done in a session, oldest first."""
        entries = await sessions.history(session_id)
        return History(items=entries[offset : offset + limit], total=len(entries), limit=limit, offset=offset)
