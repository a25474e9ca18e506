"""Sessions on the wire, and as runs meet them."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

KEY_PATTERN = r"^[A-Za-z0-9_-]{1,128}$(?!\n)"
"""What a client may call a session. (In Python `$` also stands before a last line feed.)"""


class SessionRef(Struct, frozen=True, kw_only=True):
    """A session as other domains hold it."""

    id: UUID
    key: str
    """What clients call it."""
    last_seq: int
    """The number of its newest item, 0 where there is none."""
    created: bool
    """It is new: made by this very call."""


class Message(Struct, frozen=True, kw_only=True):
    role: str
    content: str


class SessionView(Struct, frozen=True, kw_only=True):
    id: str
    title: str | None
    created_at: datetime
    last_active_at: datetime


class SessionList(Struct, frozen=True, kw_only=True):
    items: list[SessionView]
    total: int
    limit: int
    offset: int


class HistoryEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something said or done in a session, for people to read: without credentials in what tools got and gave."""

    role: str
    """`user`, `assistant`, `system` or `tool`."""
    content: str
    """Of a tool what it returned; of a call of a tool nothing."""
    seq: int
    created_at: datetime
    run_id: UUID | None = None
    partial: bool = False
    """The answer was cut off."""
    tool_call_id: str | None = None
    tool_name: str | None = None
    arguments: dict[str, Any] | None = None
    """Of a call: the assistant asks for the tool."""
    is_error: bool = False
    replaced_by: UUID | None = None
    """The run that the conversation went on with instead. A history leaves such entries out."""


class History(Struct, frozen=True, kw_only=True):
    items: list[HistoryEntry]
    total: int
    limit: int
    offset: int
