"""What a WebSocket is told that concerns its user rather than one of the runs that it follows."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from app.domain.runs.states import RunState


class _Notice(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    detail: str
    """For people."""


class ServerStoppingNotice(_Notice, frozen=True, tag="server_stopping"):
    """Connect again in a moment."""


class SecretExpiringNotice(_Notice, frozen=True, tag="secret_expiring"):
    secret_id: UUID
    expires_at: datetime
    days: int
    """The warning that is due: so many days before, or fewer."""


class _RunNotice(_Notice, frozen=True):
    run_id: UUID
    session_id: str
    agent: str


class RunStartedNotice(_RunNotice, frozen=True, tag="run_started"):
    """One of the user's runs has begun, whoever started it."""


class RunEndedNotice(_RunNotice, frozen=True, tag="run_ended"):
    state: RunState


Notice = ServerStoppingNotice | SecretExpiringNotice | RunStartedNotice | RunEndedNotice
RunNotice = RunStartedNotice | RunEndedNotice


class RunNow(NamedTuple):
    """A run that has just begun or ended, and whose it is."""

    id: UUID
    owner_id: UUID
    session_key: str
    agent: str
    state: RunState
