"""A conversation as it is exported: as JSON, and as Markdown for people to read."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from app.domain.runs.events import Usage
from app.domain.runs.states import RunState

_BACKTICKS = re.compile("`+")


class ExportedEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something said or done, without credentials in what tools got and gave."""

    role: str
    """`user`, `assistant`, `system` or `tool`."""
    content: str
    """Of a tool what it returned; of a call of a tool nothing."""
    partial: bool = False
    """The answer was cut off, or is still being written."""
    tool_call_id: str | None = None
    tool_name: str | None = None
    arguments: dict[str, Any] | None = None
    """Of a call: the assistant asks for the tool."""
    is_error: bool = False


class ExportedRun(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    agent: str
    model: str
    state: str
    attempts: int
    interruptions: int
    """Attempts beyond the first."""
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    usage: Usage | None
    finish_reason: str | None
    error_code: str | None
    partial: bool
    """It did not complete, or has not yet: `history` holds what there is."""
    replaces: UUID | None
    replaced_by: UUID | None
    """The run that the conversation went on with instead."""
    history: list[ExportedEntry]


class ExportedSession(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str | None
    created_at: datetime
    last_active_at: datetime
    exported_at: datetime
    history: list[ExportedEntry]
    """What a client brought along when the session was new: no run wrote it."""


class ExportedConversation(ExportedSession, frozen=True, kw_only=True):
    runs: list[ExportedRun]
    """Oldest first."""


class JsonTranscript:
    """The members of ExportedConversation, written one after the other."""

    media_type = "application/json"
    extension = "json"

    def __init__(self) -> None:
        self._separator = b""

    def begin(self, session: ExportedSession) -> bytes:
        return msgspec.json.encode(session)[:-1] + b',"runs":['

    def run(self, run: ExportedRun) -> bytes:
        separator, self._separator = self._separator, b","
        return separator + msgspec.json.encode(run)

    def end(self) -> bytes:
        return b"]}"


class MarkdownTranscript:
    """Whatever somebody wrote stands in a fence, so that it cannot pass for anything else."""

    media_type = "text/markdown"
    extension = "md"

    def begin(self, session: ExportedSession) -> bytes:
        facts = [
            ("Title", _quoted(session.title)),
            ("Created", _time(session.created_at)),
            ("Last active", _time(session.last_active_at)),
            ("Exported", _time(session.exported_at)),
        ]
        return _paragraphs([f"# Session {_quoted(session.id)}", _listed(facts), *_told(session.history)])

    def run(self, run: ExportedRun) -> bytes:
        note = [f"*(partial: {run.state})*"] if run.partial else []
        return _paragraphs([f"## Run {_quoted(run.id)}", _listed(_facts(run)), *_told(run.history), *note])

    def end(self) -> bytes:
        return b""


Transcript = JsonTranscript | MarkdownTranscript


def is_partial(state: str) -> bool:
    return state != RunState.COMPLETED


def _facts(run: ExportedRun) -> list[tuple[str, str | None]]:
    return [
        ("Agent", _quoted(run.agent)),
        ("Model", _quoted(run.model)),
        ("State", run.state),
        ("Created", _time(run.created_at)),
        ("Started", _time(run.started_at)),
        ("Ended", _time(run.ended_at)),
        ("Attempts", str(run.attempts)),
        ("Interruptions", str(run.interruptions)),
        ("Tokens", _tokens(run.usage) if run.usage else None),
        ("Cost", f"{run.usage.cost_usd} USD" if run.usage and run.usage.cost_usd else None),
        ("Finish reason", _quoted(run.finish_reason)),
        ("Error", _quoted(run.error_code)),
        ("Replaces", _quoted(run.replaces)),
        ("Replaced by", _quoted(run.replaced_by)),
    ]


def _tokens(usage: Usage) -> str:
    told = f"{usage.input_tokens} in ({usage.cached_tokens} cached), {usage.output_tokens} out"
    estimated = ", estimated" if usage.source == "estimated" else ""
    return f"{told} ({usage.reasoning_tokens} for reasoning){estimated}"


def _told(entries: Sequence[ExportedEntry]) -> Iterator[str]:
    for entry in entries:
        name = _quoted(entry.tool_name) or "a tool"
        if entry.arguments is not None:
            yield f"### The assistant calls {name}"
            yield _fenced(msgspec.json.format(msgspec.json.encode(entry.arguments), indent=2).decode(), "json")
        elif entry.role == "tool":
            yield f"### {name} {'fails' if entry.is_error else 'answers'}"
            yield _fenced(entry.content)
        else:
            yield f"### {entry.role.capitalize()}"
            yield _fenced(entry.content)


def _paragraphs(parts: Sequence[str]) -> bytes:
    return "".join(f"{part}\n\n" for part in parts).encode(errors="replace")


def _listed(facts: Sequence[tuple[str, str | None]]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in facts if value is not None)


def _quoted(value: str | UUID | None) -> str | None:
    """On one line and in more backticks than it has in a row (CommonMark 0.31, section 6.1)."""
    if not value:
        return None
    line = " ".join(str(value).split())
    marks = _longer("`", line)
    return f"{marks} {line} {marks}" if "`" in line else f"{marks}{line}{marks}"


def _fenced(text: str, language: str = "text") -> str:
    """In a fence that nothing in the text can close: it is longer than every run of backticks (section 4.5)."""
    fence = _longer("```", text)
    return f"{fence}{language}\n{text}\n{fence}"


def _longer(least: str, text: str) -> str:
    return "`" * max(len(least), *(len(run) + 1 for run in _BACKTICKS.findall(text)), 0)


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else str(msgspec.to_builtins(moment))
