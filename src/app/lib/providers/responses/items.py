"""Items of a conversation as the Responses API has them: kept as they come, so that they can go back as they were.

A reasoning item is sealed for who made it, and other items may name things that only their maker has. So each carries
the mark of its origin, and goes back there whole; anybody else is told only what was said and called.
"""

from hashlib import blake2b
from typing import Any

import msgspec

from app.lib.providers.identity import new_call_id
from app.lib.providers.unicode import deeply_repaired

ORIGIN = "origin"
_DEEPEST = 64
"""Levels. What is nested deeper would stop somebody behind us."""
_NOT_THEIRS = {"function_call_output"}
"""Only we know what our tools have answered."""


class Unsound(Exception):
    """An item that nobody could go on with."""


def origin_of(url: str, key: str, model: str) -> str:
    """What was sealed at one address, for one account and by one model cannot be opened by another."""
    return blake2b("\n".join((url, key, model)).encode(), digest_size=6).hexdigest()


def kept(raw: Any) -> dict[str, Any] | None:
    """The item, such that everybody behind us can read and store it; None if it is none of the model's own."""
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str) or raw["type"] in _NOT_THEIRS:
        return None
    if _is_too_deep(raw, _DEEPEST):
        raise Unsound
    item: dict[str, Any] = deeply_repaired(raw)
    try:
        msgspec.json.encode(item)
    except (OverflowError, ValueError) as error:
        raise Unsound from error
    item.pop(ORIGIN, None)
    if not isinstance(item.get("id"), str):
        item.pop("id", None)
    match item["type"]:
        case "message":
            _check_parts(item.get("content"))
            return {**item, "role": "assistant", "content": item.get("content") or []}
        case "reasoning":
            _check_parts(item.get("summary"))
            _check_parts(item.get("content"))
        case "function_call":
            call_id, name, arguments = (_text(item.get(field)) for field in ("call_id", "name", "arguments"))
            return {**item, "call_id": call_id or new_call_id(), "name": name, "arguments": arguments}
    return item


def text_of(item: dict[str, Any]) -> str:
    """What a message says."""
    if item["type"] != "message":
        return ""
    return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])


def reasoning_of(item: dict[str, Any]) -> str:
    """What may be shown of a reasoning item."""
    if item["type"] != "reasoning":
        return ""
    return "\n\n".join(part.get("text") or "" for part in item.get("content") or item.get("summary") or [])


def refuses(item: dict[str, Any]) -> bool:
    return item["type"] == "message" and any(part.get("type") == "refusal" for part in item["content"])


def _check_parts(parts: Any) -> None:
    if parts is None:
        return
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise Unsound
    if not all(isinstance(part.get(name), str | None) for part in parts for name in ("type", "text", "refusal")):
        raise Unsound


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _is_too_deep(value: Any, left: int) -> bool:
    members = value.values() if isinstance(value, dict) else value
    return left == 0 or any(_is_too_deep(member, left - 1) for member in members if isinstance(member, dict | list))
