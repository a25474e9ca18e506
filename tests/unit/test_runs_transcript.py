"""Conversations as files, whatever stands in them."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from app.domain.runs.events import Usage
from app.domain.runs.transcript import (
    ExportedConversation,
    ExportedEntry,
    ExportedRun,
    ExportedSession,
    JsonTranscript,
    MarkdownTranscript,
)

AT = datetime(2026, 11, 21, 9, 5, tzinfo=UTC)
RUN_ID = UUID("0193f000-0000-7000-8000-000000000000")
NASTY = [
    "```\n# Not a heading\n```",
    "````text\n```\n`````\n",
    "`" * 40,
    "   ```\n## Run `fake`\n",
    "~~~\n~~~",
    "\r```\r# carriage returns\r",
    "<script>alert(1)</script>",
    "",
    "- a\n\n    # b",
    "nul \x00 and half a pair \udc00",
]


def a_session(**changes: Any) -> ExportedSession:
    fields = {"id": "s", "title": "Plan", "created_at": AT, "last_active_at": AT, "exported_at": AT, "history": []}
    return ExportedSession(**{**fields, **changes})


def a_run(*history: ExportedEntry, **changes: Any) -> ExportedRun:
    fields: dict[str, Any] = {
        "id": RUN_ID,
        "agent": "todo",
        "model": "demo/todo",
        "state": "completed",
        "attempts": 1,
        "interruptions": 0,
        "created_at": AT,
        "started_at": AT,
        "ended_at": AT,
        "usage": Usage(input_tokens=7, output_tokens=3),
        "finish_reason": "stop",
        "error_code": None,
        "partial": False,
        "replaces": None,
        "replaced_by": None,
        "history": [*history],
    }
    return ExportedRun(**{**fields, **changes})


def said(text: str, **members: Any) -> ExportedEntry:
    return ExportedEntry(role="user", content=text, **members)


def markdown(*runs: ExportedRun, **session: Any) -> str:
    transcript = MarkdownTranscript()
    parts = [transcript.begin(a_session(**session)), *(transcript.run(run) for run in runs), transcript.end()]
    return b"".join(parts).decode()


def outside_fences(text: str) -> str:
    """What a reader of CommonMark takes for the document's own: fences close with at least as many backticks."""
    own: list[str] = []
    fence = ""
    for line in re.split(r"\r\n|\r|\n", text):
        marks = re.match(r" {0,3}(`{3,})([^`]*)$", line)
        if fence:
            if marks and len(marks[1]) >= len(fence) and not marks[2].strip():
                fence = ""
        elif marks:
            fence = marks[1]
        else:
            own.append(line)
    assert fence == ""
    return "\n".join(own)


@pytest.mark.parametrize("text", NASTY)
def test_what_somebody_wrote_cannot_leave_its_fence(text: str) -> None:
    harmless, nasty = (
        markdown(
            a_run(said(one), ExportedEntry(role="tool", content=one, tool_name="t"), partial=True, state="failed"),
            history=[said(one)],
        )
        for one in ("harmless", text)
    )

    assert outside_fences(nasty) == outside_fences(harmless)


@pytest.mark.parametrize("text", [text for text in NASTY if text.strip()])
def test_nor_does_a_title_or_a_model_leave_its_line(text: str) -> None:
    document = markdown(a_run(model=text), title=text)

    for name in ("Title", "Model"):
        (line,) = [line for line in document.split("\n") if line.startswith(f"- {name}: ")]
        marks = re.match("`+", line.removeprefix(f"- {name}: "))
        assert marks is not None
        assert line.endswith(marks[0])
        assert len(marks[0]) > max(map(len, re.findall("`+", text)), default=0)


def test_markdown_tells_the_facts_of_a_run() -> None:
    other = UUID(int=1)
    document = markdown(
        a_run(
            said("Hi"),
            state="failed",
            partial=True,
            attempts=3,
            interruptions=2,
            error_code="run_interrupted",
            finish_reason=None,
            replaced_by=other,
        )
    )

    for line in (
        "# Session `s`",
        f"## Run `{RUN_ID}`",
        "- State: failed",
        "- Started: 2026-11-21T09:05:00Z",
        "- Attempts: 3",
        "- Interruptions: 2",
        "- Tokens: 7 in (0 cached), 3 out (0 for reasoning)",
        "- Error: `run_interrupted`",
        f"- Replaced by: `{other}`",
        "*(partial: failed)*",
    ):
        assert line in document.split("\n")
    assert "Finish reason" not in document
    assert "Cost" not in document


def test_markdown_shows_calls_and_results() -> None:
    call = ExportedEntry(
        role="assistant", content="", tool_call_id="c", tool_name="create_todo", arguments={"item": "ä```"}
    )
    result = ExportedEntry(role="tool", content="no", tool_call_id="c", tool_name="create_todo", is_error=True)

    document = markdown(a_run(call, result))

    assert '### The assistant calls `create_todo`\n\n````json\n{\n  "item": "ä```"\n}\n````\n' in document
    assert "### `create_todo` fails\n\n```text\nno\n```\n" in document
    assert "partial" not in document


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_written_run_by_run_and_is_one_document(count: int) -> None:
    transcript = JsonTranscript()
    session, run = a_session(history=[said("before")]), a_run(said("Hi", partial=True))

    text = b"".join([transcript.begin(session), *(transcript.run(run) for _ in range(count)), transcript.end()])

    conversation = msgspec.json.decode(text, type=ExportedConversation)
    assert conversation.runs == [run] * count
    assert (conversation.id, conversation.history) == ("s", session.history)
