"""The agent of the public conformance tests: real but for its model, which follows a script."""

from typing import Any

from a2a.types.a2a_pb2 import TaskState

from app.domain.agents.schemas import AgentDefinition, DefinitionSet
from app.domain.runs.lookup import Asked

NAME = "conformance"
DEFINITION = DefinitionSet(
    root=NAME,
    agents={
        NAME: AgentDefinition(
            name=NAME,
            description="Does what the public A2A conformance tests ask for.",
            instructions="",
            model="demo/conformance",
            tools=["ask_user", "hand_out"],
        )
    },
)
_MESSAGE_ONLY = ("tck-message-response", "tck-stream-002")
_AUTHORIZED = "tck-auth-required"


def marked(message_id: str, text: str) -> str:
    """The script goes by what the message is called."""
    return f"[{message_id.replace(']', '')}] {text}"


def unmarked(asked: Asked) -> str:
    """What was said, without that."""
    if asked.origin is None or not _is_it(asked):
        return asked.text
    return asked.text.removeprefix(marked(asked.origin.message_id, ""))


def said(asked: Asked, answer: str) -> str:
    """What an answer says, without that."""
    return answer.partition("] ")[2] if _is_it(asked) and answer.startswith("[") else answer


def answers_with_message(asked: Asked) -> bool:
    """Instead of a task."""
    return _is_called(asked, *_MESSAGE_ONLY)


def waiting_state(asked: Asked) -> Any:
    """What the task is called while it waits for its user."""
    if _is_called(asked, _AUTHORIZED):
        return TaskState.TASK_STATE_AUTH_REQUIRED
    return TaskState.TASK_STATE_INPUT_REQUIRED


def _is_called(asked: Asked, *beginnings: str) -> bool:
    return asked.origin is not None and _is_it(asked) and asked.origin.message_id.startswith(beginnings)


def _is_it(asked: Asked) -> bool:
    return asked.run.agent == NAME and asked.run.model == DEFINITION.root_agent.model
