"""Answers of models as items of a conversation."""

import json
from typing import Any
from uuid import uuid4

import msgspec

from app.domain.quotas.prices import sum_of
from app.domain.runs.events import Usage
from app.lib.providers.model import ModelAnswer, TokenUsage

MAX_STRING = 5_000
"""Characters of a string in what is told of a tool; the agent sees the whole."""
MAX_NAME = 128
"""Characters of a tool's name. Ours are shorter; what a model makes up is told of, but not at any length."""
MAX_BRACKETS = 200
"""Arguments with fewer cannot be nested too deep."""


def added(total: Usage, more: TokenUsage) -> Usage:
    return Usage(
        input_tokens=total.input_tokens + more.input_tokens,
        output_tokens=total.output_tokens + more.output_tokens,
        reasoning_tokens=total.reasoning_tokens + more.reasoning_tokens,
        cached_tokens=total.cached_tokens + more.cached_tokens,
        cost_usd=sum_of(total.cost_usd, more.cost_usd),
        source="estimated" if "estimated" in {total.source, more.source} else "provider",
    )


def message_item(text: str) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "type": "message",
        "id": f"msg_{uuid4().hex}",
        "role": "assistant",
        "status": "incomplete",
        "content": content,
    }


def text_of(item: dict[str, Any]) -> str:
    if item["type"] != "message":
        return ""
    return "".join(part.get("text") or part.get("refusal") or "" for part in item["content"])


def reasoning_of(item: dict[str, Any]) -> str:
    """What the model thought aloud, as it was shown."""
    if item["type"] != "reasoning":
        return ""
    return "\n\n".join(part.get("text") or "" for part in item.get("content") or item.get("summary") or [])


def parsed_arguments(arguments: str) -> dict[str, Any]:
    """A call's arguments as an object; what is not one is kept under `raw`."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"raw": arguments}


def without_unanswered(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the calls that nobody answered: providers reject those."""
    answered = {item["call_id"] for item in items if item["type"] == "function_call_output"}
    return [item for item in items if item["type"] != "function_call" or item["call_id"] in answered]


def with_own_call_ids(answer: ModelAnswer) -> ModelAnswer:
    """Model-made ids may repeat, be empty, or come back with other arguments: ours replace them."""
    items = [
        {
            **item,
            "name": item["name"][:MAX_NAME],
            "call_id": f"call_{uuid4().hex}",
            "arguments": _readable(item["arguments"]),
        }
        if item["type"] == "function_call"
        else item
        for item in answer.items
    ]
    return msgspec.structs.replace(answer, items=items)


def _readable(arguments: str) -> str:
    """Arguments that every JSON parser reads, the SDK's too; what is not an object is put into one, in part."""
    parsed = parsed_arguments(arguments)
    if parsed == {"raw": arguments}:
        return msgspec.json.encode({"raw": arguments[:MAX_STRING]}).decode()
    return arguments if arguments.count("[") + arguments.count("{") < MAX_BRACKETS else _flat(arguments)


def _flat(arguments: str) -> str:
    """Nothing of what the standard library's parser gives up on."""
    try:
        json.loads(arguments)
    except RecursionError:
        return "{}"
    return arguments


def decoded_output(output: str) -> Any:
    """What a tool answered, as it was before the model was told."""
    try:
        return msgspec.json.decode(output)
    except msgspec.DecodeError:
        return output
