"""A conversation as the demo sees it: what the user said, and what was called and answered since."""

from dataclasses import dataclass, field
from typing import Any

import msgspec

TIME = "Current time: "


@dataclass(slots=True)
class Called:
    name: str
    arguments: dict[str, Any]
    output: Any = None

    @property
    def error_code(self) -> str:
        return str(self.output.get("error") or "") if isinstance(self.output, dict) else ""

    @property
    def error(self) -> str:
        """Why it did not work; empty if it did."""
        if isinstance(self.output, dict) and self.output.get("error"):
            return str(self.output.get("detail") or self.output["error"])
        return "" if isinstance(self.output, dict) else str(self.output or "There was no answer.")

    @property
    def result(self) -> dict[str, Any]:
        return self.output if isinstance(self.output, dict) and not self.error else {}

    @property
    def todos(self) -> list[dict[str, Any]]:
        """The todos it tells of."""
        listed = self.result.get("todos")
        if isinstance(listed, list):
            return [todo for todo in listed if isinstance(todo, dict)]
        return [self.result] if "todo_id" in self.result else []

    @property
    def total(self) -> int:
        """How many there are of which it tells some."""
        total = self.result.get("total")
        return total if isinstance(total, int) else len(self.todos)


@dataclass(slots=True)
class Turn:
    said: str = ""
    told: str = ""
    """What was told beside it: a part of its own, before the words."""
    calls: list[Called] = field(default_factory=list)

    def calls_of(self, *names: str) -> list[Called]:
        return [call for call in self.calls if call.name in names]


def turns_of(items: list[dict[str, Any]]) -> list[Turn]:
    """One turn a message of the user, and what followed it. At least one."""
    turns = [Turn()]
    waiting: dict[str, Called] = {}
    for item in items:
        kind = item.get("type", "message")
        if kind == "message" and item.get("role") == "user":
            turns.append(_turn(item.get("content")))
        elif kind == "function_call":
            called = Called(item["name"], _object(item.get("arguments")))
            waiting[item["call_id"]] = called
            turns[-1].calls.append(called)
        elif kind == "function_call_output" and item["call_id"] in waiting:
            waiting.pop(item["call_id"]).output = _value(item.get("output"))
    return turns[1:] or turns


def _turn(content: Any) -> Turn:
    if isinstance(content, list) and len(content) > 1 and (told := text_of(content[:1])).startswith(TIME):
        return Turn(text_of(content[1:]), told)
    return Turn(text_of(content))


def text_of(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content or "")


def _value(output: Any) -> Any:
    text = output if isinstance(output, str) else text_of(output) if isinstance(output, list) else None
    if text is None:
        return output
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return text


def _object(arguments: Any) -> dict[str, Any]:
    value = _value(arguments)
    return value if isinstance(value, dict) else {}
