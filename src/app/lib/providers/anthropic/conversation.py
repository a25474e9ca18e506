"""From items in Responses format to messages: the user and the assistant by turns, each with a list of blocks.

A call must be followed by its result in the very next message, so results are looked up and not taken where they
stand: whatever order a history is in, it is not refused. A call without a result is answered that there is none; a
result without a call is left out, and so are thoughts of other models.
"""

import re
from collections import deque
from hashlib import blake2b
from typing import Any

import msgspec

from app.lib.providers.anthropic.models import ModelKind
from app.lib.providers.anthropic.thinking import thinking_block
from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.encoding import encoded
from app.lib.providers.unicode import repaired

Block = dict[str, Any]

_NO_RESULT = "No result: the call was interrupted, its outcome is unknown."
_OPENING = {"type": "text", "text": "(The conversation begins with the assistant.)"}
_THINKING = {"thinking", "redacted_thinking"}
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_DATA_URL = re.compile(r"data:(image/[\w.+-]+);base64,(.+)", re.DOTALL)


def is_instruction(item: dict[str, Any]) -> bool:
    return item.get("role") in {"system", "developer"}


class Conversation:
    def __init__(self, items: list[dict[str, Any]], kind: ModelKind, *, origin: str, before: bytes) -> None:
        """`before` is what comes before the messages and is a model's to know: its instructions and tools."""
        self.messages: list[msgspec.Raw] = []
        self.called: dict[str, None] = {}
        """The names of the tools that were called."""
        self._kind = kind
        self._origin = origin
        self._sent = blake2b(origin.encode() + before, digest_size=12)
        self._user: list[Block] = []
        self._assistant: list[Block] = []
        self._calls: list[tuple[str, Any]] = []
        self._ids: set[str] = set()
        # An id may be used again in a later turn: the first result belongs to the first call.
        self._results: dict[str, deque[Any]] = {}
        for item in items:
            if item.get("type") == "function_call_output":
                self._results.setdefault(item["call_id"], deque()).append(item.get("output"))
        for item in items:
            self._add(item)
        self._end_assistant()
        self._end_user()

    @property
    def prefix(self) -> str:
        """A digest of all that was sent, and is about to be."""
        sent = self._sent.copy()
        if self._user:
            sent.update(encoded({"role": "user", "content": self._user}))
        return sent.hexdigest()

    def _add(self, item: dict[str, Any]) -> None:
        match item.get("type", "message"):
            case "reasoning":
                block = thinking_block(item, self._kind, origin=self._origin, prefix=self.prefix)
                if block is not None:
                    self._assistant.append(block)
            case "function_call":
                self._call(item)
            case "function_call_output" if self._calls:
                self._end_assistant()
            case "message" if item.get("role") == "assistant":
                self._assistant += text_blocks(item.get("content"))
            case "message" if not is_instruction(item):
                self._end_assistant()
                self._user += _blocks(item.get("content"))

    def _call(self, item: dict[str, Any]) -> None:
        call_id = self._unique(_NOT_IN_NAMES.sub("_", item["call_id"]) or "call")
        name = _NOT_IN_NAMES.sub("_", item["name"])[:_LONGEST_NAME] or "unknown"
        arguments = item.get("arguments") or "{}"
        given = arguments_object(arguments)
        # What a model once got wrong must not make every later request a bad one.
        given = {"invalid_arguments": repaired(arguments)} if given is None else given
        self._assistant.append({"type": "tool_use", "id": call_id, "name": name, "input": given})
        self._calls.append((call_id, item["call_id"]))
        self.called[name] = None

    def _unique(self, call_id: str) -> str:
        name, count = call_id, 1
        while name in self._ids:
            count += 1
            name = f"{call_id}_{count}"
        self._ids.add(name)
        return name

    def _end_assistant(self) -> None:
        """Write down what the assistant said and called; the results are the next thing that the user says."""
        blocks = self._assistant
        while blocks and blocks[-1]["type"] in _THINKING:  # a thought that led to nothing is refused
            blocks.pop()
        if not blocks:
            return
        if not (self.messages or self._user):
            self._user.append(_OPENING)
        self._end_user()
        self._write("assistant", blocks)
        self._user = [self._result(*call) for call in self._calls]
        self._assistant, self._calls = [], []

    def _end_user(self) -> None:
        if self._user:
            self._write("user", self._user)
            self._user = []

    def _write(self, role: str, blocks: list[Block]) -> None:
        message = encoded({"role": role, "content": blocks})
        self._sent.update(message)
        self.messages.append(msgspec.Raw(message))

    def _result(self, sent_id: str, call_id: str) -> Block:
        results = self._results.get(call_id)
        output = results.popleft() if results else _NO_RESULT
        if isinstance(output, list):
            content: Any = _blocks(output) or ""
        else:
            content = output if isinstance(output, str) else encoded(output).decode()
        return {"type": "tool_result", "tool_use_id": sent_id, "content": content}


def text_blocks(content: Any) -> list[Block]:
    return [block for block in _blocks(content) if block["type"] == "text"]


def _blocks(content: Any) -> list[Block]:
    """Without what the wire refuses: text of nothing but white space."""
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    return [block for block in map(_block, parts) if block is not None]


def _block(part: dict[str, Any]) -> Block | None:
    match part.get("type"):
        case "input_text" | "output_text" | "text":
            text = part.get("text") or ""
        case "refusal":
            text = part.get("refusal") or ""
        case "input_image" if part.get("image_url"):
            return {"type": "image", "source": _image_source(part["image_url"])}
        case _:
            return None
    return {"type": "text", "text": text} if text.strip() else None


def _image_source(url: str) -> dict[str, str]:
    inline = _DATA_URL.fullmatch(url)
    if inline is None:
        return {"type": "url", "url": url}
    return {"type": "base64", "media_type": inline[1], "data": inline[2]}
