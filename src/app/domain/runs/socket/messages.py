"""What is said on a WebSocket, both ways."""

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from app.domain.agents.schemas import Text
from app.domain.runs.errors import BadMessage
from app.domain.runs.notices import Notice
from app.domain.runs.schemas import MAX_CONTENT, StartRun
from app.lib.runlog.frames import parse, split

MAX_SEQ = 2_147_483_647

Ref = Annotated[str, msgspec.Meta(max_length=128)] | int | None
"""Chosen by the client; its answer carries the same."""


class _Op(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op", tag=str.lower):
    ref: Ref = None


class Auth(_Op, frozen=True, kw_only=True):
    token: str


class Invoke(_Op, frozen=True, kw_only=True):
    agent: Annotated[str, msgspec.Meta(max_length=200)]
    body: StartRun
    idempotency_key: str | None = None


class Follow(_Op, frozen=True, kw_only=True):
    run_id: UUID
    after: Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)] = 0


class Unfollow(_Op, frozen=True, kw_only=True):
    run_id: UUID


class Pause(_Op, frozen=True, kw_only=True):
    run_id: UUID


class Resume(_Op, frozen=True, kw_only=True):
    run_id: UUID


class Cancel(_Op, frozen=True, kw_only=True):
    run_id: UUID
    mode: Literal["immediate", "after_turn"] = "immediate"


class Approve(_Op, frozen=True, kw_only=True):
    run_id: UUID
    approval_id: str
    approve: bool
    reason: Annotated[Text, msgspec.Meta(max_length=1000)] | None = None


class Input(_Op, frozen=True, kw_only=True):
    run_id: UUID
    input_id: str
    content: Annotated[Text, msgspec.Meta(max_length=MAX_CONTENT)]


class Ping(_Op, frozen=True, kw_only=True):
    pass


type Op = Auth | Invoke | Follow | Unfollow | Pause | Resume | Cancel | Approve | Input | Ping


def text_of(message: str | bytes) -> bytes:
    """Raises BadMessage for a binary one."""
    if isinstance(message, bytes):
        raise BadMessage("it is binary")
    return message.encode()


def ref_of(value: Any) -> Ref:
    """Raises BadMessage for what is no message at all."""
    if not isinstance(value, dict) or not isinstance(value.get("op"), str):
        raise BadMessage("it is not an object with an op")
    try:
        return msgspec.convert(value.get("ref"), Ref)  # type: ignore[no-any-return]
    except msgspec.ValidationError:
        raise BadMessage("its ref is neither a number nor a text of at most 128 characters") from None


def op_of(value: dict[str, Any]) -> Op:
    """Raises msgspec.ValidationError."""
    op: Op = msgspec.convert(value, Op)
    return op


def answered(ref: Ref, ok: Any) -> str:
    return msgspec.json.encode({"ref": ref, "ok": ok}).decode()


def refused(ref: Ref, problem: dict[str, Any]) -> str:
    return msgspec.json.encode({"ref": ref, "error": problem}).decode()


def noticed(notice: Notice) -> str:
    return msgspec.json.encode({"notice": notice}).decode()


def events(run_id: UUID, frames: bytes) -> list[str]:
    """Stored frames as messages: their data is put in as the bytes that it is."""
    told = []
    for frame in split(frames):
        seq, name, data = parse(frame)
        text = b'{"run_id":"%b","id":%d,"event":"%b","data":%b}' % (str(run_id).encode(), seq, name, data)
        told.append(text.decode())
    return told


def unstored(run_id: UUID, event: Literal["reset", "history", "end"], data: Any) -> str:
    return msgspec.json.encode({"run_id": run_id, "event": event, "data": data}).decode()
