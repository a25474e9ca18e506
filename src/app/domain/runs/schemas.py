"""Runs on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.domain.agents.schemas import ModelName, Text
from app.domain.quotas.schemas import Standing
from app.domain.runs.events import Usage
from app.domain.sessions.schemas import HistoryEntry

MAX_MESSAGES = 50
MAX_CONTENT = 10_000

SessionKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}\Z")]


class MessageIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: str


class StartRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The last user message is the input; earlier ones seed a session that is new."""

    messages: list[MessageIn]
    session_id: SessionKey | None = None
    model: ModelName | None = None
    secret_id: UUID | None = None
    include: list[Literal["history"]] = []
    on_disconnect: Literal["continue", "cancel"] = "continue"
    replaces: UUID | None = None


class ContinueRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    secret_id: UUID | None = None
    """Without it, the one that the run was started with."""
    include: list[Literal["history"]] = []
    on_disconnect: Literal["continue", "cancel"] = "continue"


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a start that came by A2A was called there: any texts that its client chose."""

    context_id: str
    message_id: str


class Started(msgspec.Struct, frozen=True):
    run_id: UUID
    session_key: str
    standing: Standing | None = None
    """What the user has left after it, where that is told; not of a start that was said again."""


class RunView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    session_id: str
    agent: str
    model: str
    state: str
    attempt: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    final_message: str | None
    """Of a run that did not complete: what was answered until then."""
    usage: Usage | None
    error: dict[str, Any] | None
    last_seq: int
    replaces: UUID | None
    secret_id: UUID | None
    """The one that its start named."""
    input: str | None = None
    """What the user said to begin it: a session's history has it only when the run has ended."""


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader is told whose cursor lies outside the log. Not stored, so it has no id."""

    reason: Literal["cursor_ahead", "log_purged"]
    """It knows more than there is: the whole log follows. Or the log is not kept any more: nothing follows."""
    run: RunView
    text: str
    """The visible text before `next_seq`."""
    next_seq: int
    """The number of the event that follows."""


def lost_cursor(run: RunView, cursor: int, *, log_purged: bool) -> Reset | None:
    """What a reader is told whose cursor lies outside what the log holds; it goes on before `next_seq`."""
    if log_purged and cursor != run.last_seq:
        return Reset(reason="log_purged", run=run, text=run.final_message or "", next_seq=run.last_seq + 1)
    return Reset(reason="cursor_ahead", run=run, text="", next_seq=1) if cursor > run.last_seq else None


class RunWithHistory(RunView, frozen=True, kw_only=True):
    history: list[HistoryEntry]


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RunView]
    total: int
    limit: int
    offset: int


class CancelRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Literal["immediate", "after_turn"] = "immediate"


class AnswerApproval(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    approve: bool
    reason: Annotated[Text, msgspec.Meta(max_length=1000)] | None = None
    """Told to the agent."""


class AnswerInput(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    input_id: str
    content: Annotated[Text, msgspec.Meta(max_length=MAX_CONTENT)]


class StreamRef(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    stream_id: UUID
    """The run's id."""
