"""What a run asks its user, and waits for."""

from typing import Any
from uuid import UUID, uuid5

import msgspec

from app.domain.agents.context import CallPosition

APPROVAL = "approval"
INPUT = "input"


class Question(msgspec.Struct, frozen=True):
    """What a tool call waits for. Its id is made of its place, so that every attempt asks the same one."""

    id: str
    kind: str
    place: CallPosition
    answer: dict[str, Any] | None = None

    @classmethod
    def at(cls, run_id: UUID, place: CallPosition, kind: str) -> "Question":
        name = f"{kind}/{place.scope}/{place.turn}/{place.position}"
        return cls(f"{kind}_{uuid5(run_id, name).hex}", kind, place)
