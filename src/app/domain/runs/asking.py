"""What a tool call asks the run's user. The run is put aside until the answer; the attempt after it finds it here."""

from typing import Any

from app.domain.agents.tools.catalog import Tool
from app.domain.agents.tools.errors import ToolInputInvalid
from app.domain.runs.answers import parsed_arguments
from app.domain.runs.attempt import Attempt
from app.domain.runs.events import ApprovalRequested, InputRequested
from app.domain.runs.questions import APPROVAL, INPUT, Question

NOT_APPROVED = "The user did not approve this call."
UNKNOWN = (
    "The server stopped while the tool {name} was at work, so nobody knows whether it did what it was asked for. "
    'Look, and answer "repeat" to have it done again; anything else is told to the agent as what has come of it.'
)


async def approved(attempt: Attempt, name: str, call_id: str, arguments: str) -> dict[str, Any] | None:
    """None where the user approves, else what the model is told."""
    question = _question(attempt, call_id, APPROVAL)
    if question.answer is None:
        shown = attempt.telling.shown(parsed_arguments(arguments))
        await _ask(
            attempt,
            question,
            ApprovalRequested(approval_id=question.id, tool_call_id=call_id, tool_name=name, arguments=shown),
        )
    answer = question.answer or {}
    if answer.get("approve"):
        return None
    return {"error": "not_approved", "detail": answer.get("reason") or NOT_APPROVED}


async def answered(tool: Tool, attempt: Attempt, call_id: str, arguments: str) -> tuple[dict[str, Any], bool]:
    """What the user says to what the model wants to know."""
    prompt = parsed_arguments(arguments).get("prompt")
    if not isinstance(prompt, str) or not prompt.strip():
        error = ToolInputInvalid(tool.name, "a prompt is needed.")
        return {"error": error.code, "detail": error.detail}, True
    return {"answer": await _input(attempt, call_id, prompt)}, False


async def outcome_unknown(attempt: Attempt, name: str, call_id: str) -> dict[str, Any] | None:
    """None where the tool is to be called: it was not yet, or the user wants it again."""
    if not attempt.memory.has_begun(attempt.place(call_id)):
        return None
    said = await _input(attempt, call_id, UNKNOWN.format(name=name))
    if said.strip().lower() == "repeat":
        return None
    return {"error": "outcome_unknown", "detail": "Nobody knows whether the call took effect.", "user_says": said}


async def _input(attempt: Attempt, call_id: str, prompt: str) -> str:
    question = _question(attempt, call_id, INPUT)
    if question.answer is None:
        await _ask(attempt, question, InputRequested(input_id=question.id, prompt=attempt.telling.shown(prompt)))
    return str((question.answer or {}).get("content", ""))


def _question(attempt: Attempt, call_id: str, kind: str) -> Question:
    return attempt.memory.question(Question.at(attempt.run_id, attempt.place(call_id), kind))


async def _ask(attempt: Attempt, question: Question, event: ApprovalRequested | InputRequested) -> None:
    async with attempt.gate.work():
        await attempt.ask(question, event)
    await attempt.gate.ask()
