"""A run's log, read event by event, as a task that changes."""

from typing import Any
from uuid import UUID

import msgspec
from a2a.types.a2a_pb2 import (
    Artifact,
    Message,
    Part,
    Role,
    TaskArtifactUpdateEvent,
    TaskState,
    TaskStatus,
    TaskStatusUpdateEvent,
)
from google.protobuf.json_format import ParseDict

from app.domain.a2a.parts import artifact_part
from app.lib.runlog.frames import parse, split

ANSWER = "answer"
"""The artifact that what the agent says is written into."""
TERMINAL = {
    TaskState.TASK_STATE_COMPLETED,
    TaskState.TASK_STATE_CANCELED,
    TaskState.TASK_STATE_FAILED,
    TaskState.TASK_STATE_REJECTED,
}
STATES = {
    "queued": TaskState.TASK_STATE_SUBMITTED,
    "running": TaskState.TASK_STATE_WORKING,
    "paused": TaskState.TASK_STATE_WORKING,
    "waiting": TaskState.TASK_STATE_INPUT_REQUIRED,
    "completed": TaskState.TASK_STATE_COMPLETED,
    "cancelled": TaskState.TASK_STATE_CANCELED,
    "failed": TaskState.TASK_STATE_FAILED,
    "limited": TaskState.TASK_STATE_FAILED,
    "rejected": TaskState.TASK_STATE_REJECTED,
}
_ENDS = {
    b"completed": TaskState.TASK_STATE_COMPLETED,
    b"cancelled": TaskState.TASK_STATE_CANCELED,
    b"error": TaskState.TASK_STATE_FAILED,
    b"rate_limit_exceeded": TaskState.TASK_STATE_FAILED,
}
_AT_WORK = {b"message_delta", b"reasoning_delta", b"tool_call", b"tool_result", b"artifact", b"retrying", b"usage"}


class Chunk(msgspec.Struct, frozen=True):
    """More of the answer; instead of it all where it does not append."""

    text: str
    append: bool
    last: bool = False


Update = Chunk | TaskArtifactUpdateEvent | TaskStatusUpdateEvent


class Told(msgspec.Struct, frozen=True):
    update: Update
    seq: int | None
    """The event after which a reader who knows this goes on; none where more comes of the same event."""


class Question(msgspec.Struct, frozen=True):
    id: str
    prompt: str
    wants: dict[str, Any]
    """An answer in words, or the approval of a call: for programs."""


class Fold:
    def __init__(self, run_id: UUID, context_id: str, *, waits: int = TaskState.TASK_STATE_INPUT_REQUIRED) -> None:
        """`waits`: what it is called while it waits for its user."""
        self.task_id = str(run_id)
        self.context_id = context_id
        self.waits = waits
        self.seq = 0
        self.state: int = TaskState.TASK_STATE_SUBMITTED
        self.questions: list[Question] = []
        """Those that are open, as far as the log tells."""
        self.asked: list[Question] = []
        """All of them."""
        self.artifacts: dict[str, Artifact] = {}
        self.reason = ""
        """Why it failed."""
        self.metadata: dict[str, Any] = {}
        self._whole = ""
        """Of the answer, what nobody takes back any more."""
        self._pieces: list[tuple[int, str]] = []
        self._begun = False
        self._new_message = False

    @property
    def text(self) -> str:
        return self._whole + "".join(text for _, text in self._pieces)

    def read(self, frames: bytes, *, up_to: int | None = None) -> list[Told]:
        """What these whole frames change, in order. Neighbouring pieces of the answer come as one."""
        told: list[Told] = []
        chunk: Chunk | None = None
        at: int | None = None
        for frame in split(frames):
            seq, name, data = parse(frame)
            if seq <= self.seq or (up_to is not None and seq > up_to):
                continue
            updates = self._take(seq, name, data)
            self.seq = seq
            for n, update in enumerate(updates, 1):
                if isinstance(update, Chunk) and chunk is not None and update.append:
                    chunk = Chunk(chunk.text + update.text, chunk.append, update.last)
                else:
                    if chunk is not None:
                        told.append(Told(chunk, at))
                        chunk = None
                    if isinstance(update, Chunk):
                        chunk = update
                    else:
                        told.append(Told(update, seq if n == len(updates) else None))
                at = seq if n == len(updates) else None
        if chunk is not None:
            told.append(Told(chunk, at))
        return told

    def status(self) -> TaskStatus:
        """Without a time: events have none, and all who read them are told the same."""
        status = TaskStatus(state=self.state)  # type: ignore[arg-type]
        text = self.questions[0].prompt if self.questions else self.reason
        if text:
            status.message.CopyFrom(self.said(text))
            if self.questions:
                ParseDict(self.questions[0].wants, status.message.parts.add().data)
        return status

    def said(self, text: str) -> Message:
        """Something that the agent says about the task."""
        message_id = self.questions[0].id if self.questions else f"{self.task_id}-{self.seq}"
        message = Message(message_id=message_id, role=Role.ROLE_AGENT, parts=[Part(text=text)])
        message.task_id, message.context_id = self.task_id, self.context_id
        return message

    def _take(self, seq: int, name: bytes, data: bytes) -> list[Update]:  # noqa: PLR0911 - a case is a line
        match name:
            case b"message_delta":
                return [*self._working(), self._said(seq, msgspec.json.decode(data)["content"])]
            case b"session_initialized":
                return self._working()
            case b"message":
                self._new_message = True
            case b"superseded":
                return self._taken_back(msgspec.json.decode(data)["from_seq"])
            case b"approval_requested" | b"input_requested":
                return self._asks(name, msgspec.json.decode(data))
            case b"artifact":
                return [*self._working(), self._handed_out(msgspec.json.decode(data))]
            case _ if name in _ENDS:
                return self._ended(seq, name, msgspec.json.decode(data))
        if name == b"usage":
            self._whole, self._pieces = self.text, []
        return self._working() if name in _AT_WORK else []

    def _working(self) -> list[Update]:
        if self.state == TaskState.TASK_STATE_WORKING:
            return []
        self.state = TaskState.TASK_STATE_WORKING
        self.questions = []
        return [self._status_update()]

    def _said(self, seq: int, text: str) -> Chunk:
        if self._new_message and self.text:
            text = "\n\n" + text
        self._new_message = False
        self._pieces.append((seq, text))
        chunk = Chunk(text, append=self._begun)
        self._begun = True
        return chunk

    def _taken_back(self, from_seq: int) -> list[Update]:
        left = [(seq, text) for seq, text in self._pieces if seq < from_seq]
        if len(left) == len(self._pieces):
            return []
        self._pieces = left
        self._new_message = bool(self.text)
        return [Chunk(self.text, append=False)]

    def _asks(self, name: bytes, data: dict[str, Any]) -> list[Update]:
        if name == b"input_requested":
            question = Question(data["input_id"], data["prompt"], {"input_id": data["input_id"]})
        else:
            called = msgspec.json.encode(data["arguments"]).decode()
            prompt = f"May the agent call {data['tool_name']} with {called}? Answer “approve” or “reject”."
            question = Question(data["approval_id"], prompt, data)
        self.questions.append(question)
        self.asked.append(question)
        self.state = self.waits
        return [self._status_update()]

    def _handed_out(self, data: dict[str, Any]) -> TaskArtifactUpdateEvent:
        parts = [artifact_part(part) for part in data["parts"]]
        artifact = Artifact(artifact_id=data["artifact_id"], name=data["name"], parts=parts)
        kept = self.artifacts.setdefault(artifact.artifact_id, artifact)
        if data["append"] and kept is not artifact:
            kept.parts.extend(parts)
        else:
            self.artifacts[artifact.artifact_id] = artifact
        return TaskArtifactUpdateEvent(
            task_id=self.task_id,
            context_id=self.context_id,
            artifact=artifact,
            append=data["append"],
            last_chunk=data["last"],
        )

    def _ended(self, seq: int, name: bytes, data: dict[str, Any]) -> list[Update]:
        self.questions = []
        self.state = _ENDS[name]
        if name == b"error":
            self.reason = data["detail"]
            self.metadata = {"code": data["code"], "retryable": data["retryable"]}
            if data["code"] == "task_rejected":
                self.state = TaskState.TASK_STATE_REJECTED
        elif name == b"rate_limit_exceeded":
            self.reason = data["message"]
            self.metadata = {"code": "rate_limit_exceeded", **data}
        self.seq = seq
        last: list[Update] = [Chunk("", append=True, last=True)] if self._begun else []
        return [*last, self._status_update()]

    def _status_update(self) -> TaskStatusUpdateEvent:
        update = TaskStatusUpdateEvent(task_id=self.task_id, context_id=self.context_id, status=self.status())
        if self.metadata:
            ParseDict(self.metadata, update.metadata)
        return update
