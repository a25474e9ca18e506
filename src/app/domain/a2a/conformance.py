"""The agent of the public conformance tests: real but for its model, which follows a script."""

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


def marked(message_id: str, text: str) -> str:
    """The script goes by what the message is called."""
    return f"[{message_id.replace(']', '')}] {text}"


def unmarked(asked: Asked) -> str:
    """What was said, without that."""
    if asked.run.agent != NAME or asked.origin is None:
        return asked.text
    return asked.text.removeprefix(marked(asked.origin.message_id, ""))


def answers_with_message(asked: Asked) -> bool:
    """Instead of a task."""
    return asked.run.agent == NAME and asked.origin is not None and asked.origin.message_id.startswith(_MESSAGE_ONLY)
