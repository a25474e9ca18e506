"""`Idempotency-Key`: the same start, said again within a day, is the same run."""

import hashlib
import re
from typing import Literal
from uuid import UUID

import msgspec

from app.domain.runs.errors import BadIdempotencyKey

Route = Literal[
    "agents/invoke", "runs/continue", "todos/agent-create", "todos/agent-create/stream", "v1/chat/stream", "a2a"
]
"""The routes that start. How the answer is asked for (`Accept`, `Prefer`, the query) makes no other start."""
_KEY = re.compile(r"[ -~]{1,255}")


class RepeatableStart(msgspec.Struct, frozen=True):
    """A start that its client may say again."""

    key: str
    fingerprint: bytes


def repeatable(key: str | None, route: Route, agent: str, body: msgspec.Struct) -> RepeatableStart | None:
    """None where the client named no key. Raises BadIdempotencyKey."""
    if key is None:
        return None
    if _KEY.fullmatch(key) is None:
        raise BadIdempotencyKey
    said = msgspec.json.encode([route, _one_spelling(agent), body])
    return RepeatableStart(key, hashlib.sha256(said).digest())


def _one_spelling(agent: str) -> str:
    """An id can be written in several ways, a built-in's name in one."""
    try:
        return str(UUID(agent))
    except ValueError:
        return agent
