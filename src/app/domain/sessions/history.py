"""A session's items, which are made for models, as people read them."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from app.domain.sessions.models import SessionItem
from app.domain.sessions.schemas import HistoryEntry
from app.lib.observability.redaction import TRUNCATED, redact

MAX_STRING = 5_000


def entries(rows: Iterable[SessionItem]) -> Iterator[HistoryEntry]:
    """Messages, calls of tools and their results, in order. Reasoning is left out: it is not part of the talk."""
    called: dict[str, str] = {}
    for row in rows:
        said = _told(row.item, called)
        if said is not None:
            facts: dict[str, Any] = {"run_id": row.run_id, "created_at": row.created_at, "replaced_by": row.replaced_by}
            yield HistoryEntry(seq=row.seq, **facts, **said)


def _told(item: dict[str, Any], called: dict[str, str]) -> dict[str, Any] | None:
    cut_off = item.get("status") == "incomplete"
    call_id = item.get("call_id", "")
    match item.get("type", "message"):
        case "message":
            role = "system" if item.get("role") == "developer" else item.get("role", "assistant")
            return {"role": role, "content": text_of(item.get("content")), "partial": cut_off}
        case "function_call":
            called[call_id] = item.get("name", "")
            return {
                "role": "assistant",
                "content": "",
                "tool_call_id": call_id,
                "tool_name": called[call_id],
                "arguments": _arguments(item.get("arguments")),
            }
        case "function_call_output":
            return {
                "role": "tool",
                "content": _output(item.get("output")),
                "tool_call_id": call_id,
                "tool_name": called.get(call_id),
                "is_error": cut_off,
            }
    return None


def text_of(content: Any) -> str:
    """The words of an item's content, which is a text or a list of parts."""
    if isinstance(content, str):
        return content
    return "".join(part.get("text") or part.get("refusal") or "" for part in content or [] if isinstance(part, dict))


def _arguments(raw: Any) -> dict[str, Any]:
    shown = _shown(raw)
    return shown if isinstance(shown, dict) else {}


def _output(raw: Any) -> str:
    shown = _shown(raw if isinstance(raw, str) else text_of(raw))
    return shown if isinstance(shown, str) else msgspec.json.encode(shown).decode()


def _shown(raw: Any) -> Any:
    """The JSON object or list in a text, or the text itself, as it may be shown."""
    try:
        value = _decoded(raw)
        return redact(value if isinstance(value, dict | list) else raw, longest=MAX_STRING)
    except RecursionError:  # too deep to look for credentials in it
        return TRUNCATED


def _decoded(raw: Any) -> Any:
    try:
        return msgspec.json.decode(raw) if isinstance(raw, str) else raw
    except msgspec.DecodeError:
        return raw
