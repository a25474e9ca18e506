"""From a call in Responses format to the body of a chat-completions request."""

from collections import deque
from typing import Any

import msgspec

from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall
from app.lib.providers.presets import Preset
from app.lib.providers.unicode import repaired

_NO_RESULT = "No result: the call was interrupted, its outcome is unknown."
_PLAIN_FORMATS = {"text", "json_object"}
_CHOICES = {"auto", "none", "required"}


def body_of(call: ModelCall, preset: Preset, *, stream: bool = True) -> bytes:
    effort = call.reasoning_effort
    body: dict[str, Any] = {
        "model": call.model,
        "messages": messages_of(call, preset.reasoning),
        "stream": stream,
    }
    optional: dict[str, Any] = {
        "stream_options": {"include_usage": True} if stream else None,
        "temperature": call.temperature,
        "top_p": call.top_p,
        preset.most_tokens: call.max_output_tokens,
        preset.effort: {"effort": effort} if effort and preset.effort == "reasoning" else effort,
        "response_format": _response_format(call.response_format, takes_schemas=preset.takes_schemas),
    }
    if call.tools:
        optional |= {
            "tools": [{"type": "function", "function": tool} for tool in call.tools],
            "tool_choice": _tool_choice(call.tool_choice),
            "parallel_tool_calls": call.parallel_tool_calls,
        }
    refused = {name for name, models in preset.refuses.items() if call.model.startswith(models)}
    body |= {name: value for name, value in optional.items() if value is not None and name not in refused}
    return encoded(body)


def messages_of(call: ModelCall, reasoning_field: str | None = None) -> list[dict[str, Any]]:
    """`reasoning_field` is where reasoning goes back beside calls, for servers that want it."""
    conversation = _Conversation(call.items, reasoning_field)
    if call.instructions:
        conversation.messages.append({"role": "system", "content": call.instructions})
    for item in call.items:
        conversation.add(item)
    conversation.end_group()
    return conversation.messages


class _Conversation:
    """Chat wants what an assistant said and called in one message, and all its results right behind.

    So results are looked up, not taken where they stand: whatever order a history is in, no provider refuses it. A
    call without a result is answered that there is none; a result without a call is left out, and so is reasoning
    where nobody wants it back.
    """

    def __init__(self, items: list[dict[str, Any]], reasoning_field: str | None) -> None:
        self.messages: list[dict[str, Any]] = []
        self._reasoning_field = reasoning_field
        self._thoughts = ""
        self._text: Any = None
        self._calls: list[dict[str, Any]] = []
        # An id may be used again in a later turn: the first result belongs to the first call.
        self._results: dict[str, deque[Any]] = {}
        for item in items:
            if item.get("type") == "function_call_output":
                self._results.setdefault(item["call_id"], deque()).append(item.get("output"))

    def add(self, item: dict[str, Any]) -> None:
        kind = item.get("type", "message")
        if kind == "function_call":
            self._calls.append(item)
        elif kind == "function_call_output":
            if self._calls:
                self.end_group()
        elif kind == "message":
            self._message(item)
        elif kind == "reasoning" and not item.get("encrypted_content"):
            # What is sealed is another provider's.
            self._thoughts += "".join(part.get("text") or "" for part in item.get("summary") or [])

    def end_group(self) -> None:
        """Write down what the assistant said and called, and the results."""
        thoughts, self._thoughts = self._thoughts, ""
        if self._text is None and not self._calls:
            return
        message: dict[str, Any] = {"role": "assistant", "content": self._text}
        if self._calls:
            message["tool_calls"] = [_tool_call(call) for call in self._calls]
            if self._reasoning_field:
                message[self._reasoning_field] = thoughts
        self.messages.append(message)
        for call in self._calls:
            results = self._results.get(call["call_id"])
            output = _output_text(results.popleft()) if results else _NO_RESULT
            self.messages.append({"role": "tool", "tool_call_id": call["call_id"], "content": output})
        self._text = None
        self._calls = []

    def _message(self, item: dict[str, Any]) -> None:
        role, content = item.get("role"), _content(item.get("content"))
        if role == "assistant":
            if self._text is not None:
                self.end_group()
            self._text = content
            return
        self.end_group()
        self.messages.append({"role": "system" if role == "developer" else role, "content": content})


def _tool_call(call: dict[str, Any]) -> dict[str, Any]:
    arguments = call.get("arguments") or "{}"
    # What a model once got wrong must not make every later request a bad one.
    if arguments_object(arguments) is None:
        arguments = msgspec.json.encode({"invalid_arguments": repaired(arguments)}).decode()
    return {"id": call["call_id"], "type": "function", "function": {"name": call["name"], "arguments": arguments}}


def _content(content: Any) -> Any:
    """A plain string where there is only text, because not every server takes a list of parts."""
    if not isinstance(content, list):
        return content or ""
    parts = [part for part in map(_part, content) if part is not None]
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def _part(part: dict[str, Any]) -> dict[str, Any] | None:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            return {"type": "text", "text": part["text"]}
        case "refusal":
            return {"type": "text", "text": part["refusal"]}
        case "input_image" if part.get("image_url"):
            return {"type": "image_url", "image_url": {"url": part["image_url"], "detail": part.get("detail", "auto")}}
        case "input_file" if part.get("file_data") or part.get("file_id"):
            fields = ("file_data", "file_id", "filename")
            return {"type": "file", "file": {name: part[name] for name in fields if part.get(name)}}
        case "input_audio":
            return {"type": "input_audio", "input_audio": part["input_audio"]}
    return None


def _output_text(output: Any) -> str:
    if isinstance(output, str):
        return output
    if isinstance(output, list) and isinstance(text := _content(output), str):
        return text
    return msgspec.json.encode(output).decode()


def _tool_choice(choice: str | None) -> Any:
    if choice is None or choice in _CHOICES:
        return choice
    return {"type": "function", "function": {"name": choice}}


def _response_format(wanted: dict[str, Any] | None, *, takes_schemas: bool) -> dict[str, Any] | None:
    """Chat's own format as it is, that of the Responses API one level deeper, and a bare JSON schema wrapped."""
    if wanted is None or wanted.get("type") in _PLAIN_FORMATS:
        return wanted
    if not takes_schemas:
        return {"type": "json_object"}
    if "json_schema" in wanted:
        return wanted
    if wanted.get("type") == "json_schema":
        inner = {name: value for name, value in wanted.items() if name != "type"}
    else:
        inner = {"name": "answer", "schema": wanted, "strict": True}
    return {"type": "json_schema", "json_schema": inner}
