"""From Responses items to Converse messages.

Bedrock wants users and assistants to take turns, each message to say something, and all results of a message's calls
at the beginning of the next one. So results are looked up, not taken where they stand, and neighbours are joined. A
call without a result is answered that there is none; a result without a call is left out.
"""

import re
from collections import deque
from hashlib import blake2b
from typing import Any

from app.lib.providers.bedrock.content import blocks_of, text_blocks
from app.lib.providers.bedrock.sealed import Origin, reasoning_block
from app.lib.providers.chat.calls import arguments_object
from app.lib.providers.encoding import encoded
from app.lib.providers.model import ModelCall

_NO_RESULT = "No result: the call was interrupted, its outcome is unknown."
_NO_BEGINNING = "(The conversation begins before this.)"
_BAD_IN_ID, _BAD_IN_NAME = re.compile(r"[^\w.:-]", re.ASCII), re.compile(r"[^\w-]", re.ASCII)
_LONGEST = 64

Block = dict[str, Any]


class Conversation:
    """`as_text` writes calls and results out, for a request without tools; `told` is what it tells of them."""

    def __init__(self, call: ModelCall, *, as_text: bool, told: list[dict[str, Any]]) -> None:
        self.system = [block["text"] for block in _system(call)]
        self.messages: list[dict[str, Any]] = []
        self._model = call.model
        self._as_text = as_text
        self._digest = blake2b(encoded({"system": self.system, "told": told}), digest_size=12)
        self._thought: list[Block] = []
        self._said: list[Block] = []
        self._due: list[Block] = []
        """The results of the calls in `_said`."""
        self._ids: set[str] = set()
        # An id may be used again in a later turn: the first result belongs to the first call.
        self._results: dict[str, deque[Any]] = {}
        for item in call.items:
            if item.get("type") == "function_call_output":
                self._results.setdefault(item["call_id"], deque()).append(item.get("output"))
        for item in call.items:
            self._add(item)
        self._end_turn()

    @property
    def here(self) -> Origin:
        """Of what is said next."""
        return Origin(self._model, self._digest.hexdigest())

    def _add(self, item: dict[str, Any]) -> None:
        match item.get("type", "message"):
            case "function_call":
                use, result = self._pair(item)
                self._say([use])
                self._due.append(result)
            case "function_call_output":
                if self._due:
                    self._end_turn()
            case "reasoning":
                block = reasoning_block(item, self.here)
                self._thought += [block] if block else []
            case "message":
                self._message(item)

    def _message(self, item: dict[str, Any]) -> None:
        role = item.get("role")
        if role == "assistant":
            self._say(text_blocks(item.get("content")))
        elif role == "user":
            self._end_turn()
            self._write("user", blocks_of(item.get("content")))

    def _say(self, blocks: list[Block]) -> None:
        """Behind what was thought: no message may end with a thought."""
        if blocks:
            self._said += [*self._thought, *blocks]
            self._thought = []

    def _end_turn(self) -> None:
        """Write down what the assistant said and called, and the results."""
        said, due = self._said, self._due
        self._thought, self._said, self._due = [], [], []
        self._write("assistant", said)
        self._write("user", due)

    def _pair(self, call: dict[str, Any]) -> tuple[Block, Block]:
        results = self._results.get(call["call_id"])
        output = results.popleft() if results else _NO_RESULT
        arguments = call.get("arguments") or "{}"
        if self._as_text:
            told = "\n".join(block["text"] for block in text_blocks(output))
            return {"text": f"[Called {call['name']} with {arguments}]"}, {"text": f"[{call['name']} returned: {told}]"}
        values = arguments_object(arguments)
        # What a model once got wrong must not make every later request a bad one.
        use = {
            "toolUseId": self._new_id(call["call_id"]),
            "name": _BAD_IN_NAME.sub("_", call["name"])[:_LONGEST] or "_",
            "input": {"invalid_arguments": arguments} if values is None else values,
        }
        return {"toolUse": use}, {"toolResult": {"toolUseId": use["toolUseId"], "content": blocks_of(output)}}

    def _new_id(self, call_id: str) -> str:
        """The call's own id where Bedrock takes it; never one twice."""
        base = new = _BAD_IN_ID.sub("_", call_id)[:_LONGEST] or "_"
        while new in self._ids:
            suffix = f"-{len(self._ids)}"
            new = base[: _LONGEST - len(suffix)] + suffix
        self._ids.add(new)
        return new

    def _write(self, role: str, blocks: list[Block]) -> None:
        if not blocks:
            return
        if not self.messages and role == "assistant":
            self._write("user", [{"text": _NO_BEGINNING}])
        self._digest.update(encoded({role: blocks}))
        if self.messages and self.messages[-1]["role"] == role:
            self.messages[-1]["content"] += blocks
        else:
            self.messages.append({"role": role, "content": blocks})


def _system(call: ModelCall) -> list[Block]:
    blocks = text_blocks(call.instructions)
    for item in call.items:
        if item.get("role") in {"system", "developer"}:
            blocks += text_blocks(item.get("content"))
    return blocks
