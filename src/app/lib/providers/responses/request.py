"""From a call to the body of a Responses request. Nothing is left with the provider: every request tells all."""

from collections import deque
from typing import Any

from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall
from app.lib.providers.responses.items import ORIGIN, text_of

_NO_RESULT = "No result: the call was interrupted, its outcome is unknown."
_PLAIN_FORMATS = {"text", "json_object"}
_CHOICES = {"auto", "none", "required"}
_THOUGHTLESS = ("gpt-3.5", "gpt-4", "chatgpt-4o", "gpt-5-chat")
"""Models that do not reason refuse a request that asks for their sealed reasoning. Of unknown names we expect it."""


def body_of(call: ModelCall, *, origin: str) -> bytes:
    """`origin` is that of the answers whose items go back as they came."""
    body: dict[str, Any] = {"model": call.model, "input": input_of(call, origin), "stream": True, "store": False}
    if not call.model.startswith(_THOUGHTLESS):
        body["include"] = ["reasoning.encrypted_content"]
    optional: dict[str, Any] = {
        "instructions": call.instructions or None,
        "temperature": call.temperature,
        "top_p": call.top_p,
        "max_output_tokens": call.max_output_tokens,
        # Summaries are only for accounts that have proved who they are: only who asks for reasoning asks for them.
        "reasoning": {"effort": call.reasoning_effort, "summary": "auto"} if call.reasoning_effort else None,
        "text": _text_format(call.response_format),
    }
    if call.tools:
        optional |= {
            # Strict unless told otherwise, which changes the schemas.
            "tools": [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in call.tools
            ],
            "tool_choice": _tool_choice(call.tool_choice),
            "parallel_tool_calls": call.parallel_tool_calls,
        }
    return encoded(body | {name: value for name, value in optional.items() if value is not None})


def input_of(call: ModelCall, origin: str) -> list[dict[str, Any]]:
    conversation = _Conversation(call.items, origin)
    for item in call.items:
        conversation.add(item)
    conversation.end_group()
    return conversation.input


class _Conversation:
    """What the model made in one go stands together, and the results of its calls right behind.

    So results are looked up, not taken where they stand. A call without a result is answered that there is none, a
    result without a call is left out, and so is reasoning that nothing of its origin follows: each of them is refused.
    """

    def __init__(self, items: list[dict[str, Any]], origin: str) -> None:
        self.input: list[dict[str, Any]] = []
        self._origin = origin
        self._group: list[tuple[dict[str, Any], bool]] = []
        # An id may be used again in a later turn: the first result belongs to the first call.
        self._results: dict[str, deque[Any]] = {}
        for item in items:
            if item.get("type") == "function_call_output":
                self._results.setdefault(item["call_id"], deque()).append(item.get("output"))

    def add(self, item: dict[str, Any]) -> None:
        kind = item.get("type", "message")
        if kind == "function_call_output":
            if any(made["type"] == "function_call" for made, _ in self._group):
                self.end_group()
        elif kind == "message" and item.get("role") != "assistant":
            self.end_group()
            self.input.append({"type": "message", "role": item.get("role"), "content": item.get("content") or ""})
        elif item.get(ORIGIN) == self._origin:
            self._group.append(({name: value for name, value in item.items() if name != ORIGIN}, True))
        elif (made := _foreign(item, kind)) is not None:
            self._group.append((made, False))

    def end_group(self) -> None:
        kept: list[dict[str, Any]] = []
        is_followed = False
        for item, is_own in reversed(self._group):
            if item["type"] != "reasoning" or is_followed:
                kept.append(item)
                is_followed = is_own
        self.input += reversed(kept)
        self.input += [self._result(item["call_id"]) for item, _ in self._group if item["type"] == "function_call"]
        self._group = []

    def _result(self, call_id: str) -> dict[str, Any]:
        results = self._results.get(call_id)
        output = results.popleft() if results else _NO_RESULT
        return {"type": "function_call_output", "call_id": call_id, "output": output if output is not None else ""}


def _foreign(item: dict[str, Any], kind: str) -> dict[str, Any] | None:
    """What another model said or called, in words that mean the same everywhere."""
    if kind == "function_call":
        return {"type": kind, **{name: item[name] for name in ("call_id", "name", "arguments")}}
    if kind != "message":
        return None
    content = item.get("content")
    text = content if isinstance(content, str) else text_of({"type": kind, "content": content or []})
    return {"type": kind, "role": "assistant", "content": text} if text else None


def _tool_choice(choice: str | None) -> Any:
    return choice if choice is None or choice in _CHOICES else {"type": "function", "name": choice}


def _text_format(wanted: dict[str, Any] | None) -> dict[str, Any] | None:
    """The API's own format as it is, that of chat completions one level higher, and a bare JSON schema wrapped."""
    if wanted is None:
        return None
    if wanted.get("type") in _PLAIN_FORMATS or (wanted.get("type") == "json_schema" and "schema" in wanted):
        return {"format": wanted}
    if isinstance(inner := wanted.get("json_schema"), dict):
        return {"format": {"type": "json_schema", **inner}}
    return {"format": {"type": "json_schema", "name": "answer", "schema": wanted, "strict": True}}
