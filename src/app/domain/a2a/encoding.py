"""What happens to a task as the bytes of a stream: server-sent events in the words of one version and binding."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import msgspec
from a2a.compat.v0_3 import conversions
from a2a.compat.v0_3 import proto_utils as old_proto_utils
from a2a.types.a2a_pb2 import (
    Artifact,
    Message,
    Part,
    StreamResponse,
    Task,
    TaskArtifactUpdateEvent,
    TaskStatusUpdateEvent,
)
from a2a.utils.proto_utils import to_stream_response
from google.protobuf.json_format import MessageToDict

from app.domain.a2a.fold import ANSWER, Chunk

Event = Task | Message | TaskStatusUpdateEvent | TaskArtifactUpdateEvent
Shape = Callable[[StreamResponse], dict[str, Any]]


def rpc(request_id: Any, response: StreamResponse) -> dict[str, Any]:
    """JSON-RPC, 1.0."""
    return {"jsonrpc": "2.0", "id": request_id, "result": MessageToDict(response)}


def old_rpc(request_id: Any, response: StreamResponse) -> dict[str, Any]:
    """JSON-RPC, 0.3 and 0.2.5."""
    event = conversions.to_compat_stream_response(response, request_id)
    told: dict[str, Any] = event.model_dump(mode="json", by_alias=True, exclude_none=True)
    return told


def rest(response: StreamResponse) -> dict[str, Any]:
    told: dict[str, Any] = MessageToDict(response)
    return told


def old_rest(response: StreamResponse) -> dict[str, Any]:
    event = conversions.to_compat_stream_response(response).result
    told: dict[str, Any] = MessageToDict(old_proto_utils.ToProto.stream_response(event))
    return told


def rpc_shape(request_id: Any, *, old: bool) -> Shape:
    return partial(old_rpc if old else rpc, request_id)


class Encoding:
    """The SDK's own encoders take a third of a millisecond: what only differs in its text is encoded once."""

    def __init__(self, shape: Shape, task_id: str, context_id: str) -> None:
        self._shape = shape
        self._task_id = task_id
        self._context_id = context_id
        self._around: dict[tuple[bool, bool], tuple[bytes, bytes]] = {}

    def frame(self, update: Event | Chunk, seq: int | None = None) -> bytes:
        data = self._chunk(update) if isinstance(update, Chunk) else self._encoded(update)
        return b"data: %b\n\n" % data if seq is None else b"id: %d\ndata: %b\n\n" % (seq, data)

    def _encoded(self, event: Event) -> bytes:
        return msgspec.json.encode(self._shape(to_stream_response(event)))

    def _chunk(self, chunk: Chunk) -> bytes:
        kind = (chunk.append, chunk.last)
        around = self._around.get(kind)
        if around is None:
            place = uuid4().hex
            event = artifact_update(Chunk(place, *kind), self._task_id, self._context_id)
            before, _, after = self._encoded(event).partition(f'"{place}"'.encode())
            around = self._around[kind] = before, after
        return around[0] + msgspec.json.encode(chunk.text) + around[1]


def artifact_update(chunk: Chunk, task_id: str, context_id: str) -> TaskArtifactUpdateEvent:
    return TaskArtifactUpdateEvent(
        task_id=task_id,
        context_id=context_id,
        artifact=Artifact(artifact_id=ANSWER, name=ANSWER, parts=[Part(text=chunk.text)]),
        append=chunk.append,
        last_chunk=chunk.last,
    )
