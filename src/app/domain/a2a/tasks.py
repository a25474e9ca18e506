"""A run as an A2A task."""

from datetime import UTC, datetime, timedelta
from typing import Any

from a2a.types.a2a_pb2 import Artifact, Message, Part, Role, Task, TaskState, TaskStatus
from google.protobuf.json_format import ParseDict

from app.domain.a2a.conformance import said, unmarked, waiting_state
from app.domain.a2a.fold import ANSWER, STATES, Fold
from app.domain.runs.lookup import Asked
from app.domain.runs.questions import Question

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def from_nanoseconds(since_epoch: int) -> datetime:
    """Raises OverflowError."""
    return _EPOCH + timedelta(microseconds=since_epoch // 1000)


def context_of(asked: Asked) -> str:
    """What its client calls the session."""
    return asked.origin.context_id if asked.origin else asked.run.session_id


def task_of(asked: Asked, fold: Fold | None, *, history: int | None = None, artifacts: bool = True) -> Task:
    """As the log tells it; as the run's row does where there is no log to read (any more).

    `history`: how many of the newest messages, all for None.
    """
    run = asked.run
    task = Task(id=str(run.id), context_id=context_of(asked), status=_status(asked, fold))
    task.status.timestamp.FromDatetime(asked.changed_at)
    if artifacts:
        task.artifacts.extend(_artifacts(asked, fold))
    messages = _history(asked, fold)
    task.history.extend(messages if history is None else messages[len(messages) - min(history, len(messages)) :])
    facts: dict[str, Any] = {"agent": run.agent, "model": run.model, "sessionId": run.session_id}
    ParseDict(facts | (fold.metadata if fold else {}), task.metadata)
    return task


def open_questions(asked: Asked) -> list[Question]:
    return [question for question in asked.questions if question.answer is None]


def answer_of(asked: Asked) -> Message:
    """What the agent said, as a message instead of a task."""
    part = Part(text=asked.run.final_message or "")
    said = Message(message_id=f"{asked.run.id}-answer", role=Role.ROLE_AGENT, parts=[part])
    said.context_id = context_of(asked)
    return said


def _status(asked: Asked, fold: Fold | None) -> TaskStatus:
    if fold is None:
        waits = asked.run.state == "waiting"
        status = TaskStatus(state=waiting_state(asked) if waits else STATES[asked.run.state])
        if asked.run.error and asked.run.error.get("detail"):
            status.message.message_id = f"{asked.run.id}-{asked.run.last_seq}"
            status.message.role = Role.ROLE_AGENT
            status.message.parts.add().text = asked.run.error["detail"]
        return status
    status = fold.status()
    if fold.questions:
        still = {question.id for question in open_questions(asked)}
        left = [question for question in fold.questions if question.id in still]
        if not left:  # answered, and its next attempt has not yet told of anything
            return TaskStatus(state=TaskState.TASK_STATE_WORKING)
        fold.questions = left
        status = fold.status()
    return status


def _artifacts(asked: Asked, fold: Fold | None) -> list[Artifact]:
    text = fold.text if fold else asked.run.final_message
    answer = [Artifact(artifact_id=ANSWER, name=ANSWER, parts=[Part(text=text)])] if text else []
    return [*answer, *(fold.artifacts.values() if fold else ())]


def _history(asked: Asked, fold: Fold | None) -> list[Message]:
    """What the user said, and what the agent asked them meanwhile."""
    first = asked.origin.message_id if asked.origin else f"{asked.run.id}-input"
    messages = [_message(asked, first, Role.ROLE_USER, unmarked(asked))]
    answers = {question.id: question.answer for question in asked.questions if question.answer is not None}
    for question in fold.asked if fold else ():
        messages.append(_message(asked, question.id, Role.ROLE_AGENT, question.prompt))
        answer = answers.get(question.id)
        if answer is not None:
            messages.append(_message(asked, f"{question.id}-answer", Role.ROLE_USER, said(asked, _words(answer))))
    return messages


def _words(answer: dict[str, Any]) -> str:
    if "content" in answer:
        return str(answer["content"])
    return "approve" if answer.get("approve") else f"reject {answer.get('reason') or ''}".strip()


def _message(asked: Asked, message_id: str, role: Any, text: str) -> Message:
    message = Message(message_id=message_id, role=role, parts=[Part(text=text)])
    message.task_id, message.context_id = str(asked.run.id), context_of(asked)
    return message
