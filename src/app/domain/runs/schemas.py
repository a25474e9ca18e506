"""Runs on the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.domain.agents.schemas import ModelName
from app.domain.runs.events import Usage

MAX_MESSAGES = 50
MAX_CONTENT = 10_000

SessionKey = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{1,128}\Z")]


class MessageIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    role: Literal["user", "assistant"]
    content: str


class StartRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last user message is the input; earlier ones seed a session that is new."""

    messages: list[MessageIn]
    session_id: SessionKey | None = None
    model: ModelName | None = None
    secret_id: UUID | None = None
    include: list[Literal["history"]] = []
    on_disconnect: Literal["continue", "cancel"] = "continue"
    replaces: UUID | None = None


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


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """What a reader is told whose cursor lies outside the log. Not stored, so it has no id."""

    reason: Literal["cursor_ahead"]
    run: RunView
    text: str
    """The visible text before `next_seq`."""
    next_seq: int
    """The number of the event that follows."""


class RunWithHistory(RunView, frozen=True, kw_only=True):
    history: list[dict[str, Any]]


class RunList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[RunView]
    total: int
    limit: int
    offset: int


class CancelRun(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    mode: Literal["immediate"] = "immediate"
