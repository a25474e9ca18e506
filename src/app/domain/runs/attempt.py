"""What one attempt of a run knows while it goes on."""

import json
from typing import Any
from uuid import UUID, uuid4

import msgspec

from app.domain.agents.context import CallPosition, RunContext
from app.domain.runs.events import (
    Message,
    MessageDelta,
    ReasoningDelta,
    RunEvent,
    ToolCall,
    ToolResult,
    Usage,
    UsageReported,
    encode,
)
from app.lib.observability.redaction import TRUNCATED, redact
from app.lib.providers.model import AnswerStream, Delta, ModelAnswer, TokenUsage
from app.lib.runlog.log import RunLog
from app.lib.runlog.store import Step

MAX_STRING = 5_000
"""Characters of a string in what is told of a tool; the agent sees the whole."""
MAX_BRACKETS = 200
"""Arguments with fewer cannot be nested too deep."""
MODEL = "model"
TOOL = "tool"
ROOT = ""
"""The scope of the run's own agent; an agent used as a tool has one of its own."""


class ToolOutput(msgspec.Struct, frozen=True):
    """The stored step of a tool call: what the model was told."""

    call_id: str
    output: str
    is_error: bool


_answers = msgspec.json.Decoder(ModelAnswer)
_outputs = msgspec.json.Decoder(ToolOutput)


class Attempt:
    """Tells the log what happens and keeps what its end needs. The Agents SDK carries it as its context."""

    def __init__(self, log: RunLog, context: RunContext, *, time_line: str = "", credential: str | None = None) -> None:
        self.log = log
        self.context = context
        self.time_line = time_line
        """When the run was started, in the user's zone, as every attempt tells its model."""
        self.items: list[dict[str, Any]] = []
        """The session's new items: what the model said and was told."""
        self.text = ""
        """Visible text of the message that is being written."""
        self.last_message = ""
        self.finish_reason = "stop"
        self.usage = Usage()
        self.stream: AnswerStream | None = None
        """The provider's answer while it comes; its truth about the connection stays."""
        self.handoff_names: frozenset[str] = frozenset()
        self._secrets = () if credential is None else (credential,)
        self._turn = 0
        self._places: dict[str, CallPosition] = {}
        self._told: set[str] = set()

    @property
    def run_id(self) -> UUID:
        return self.log.run_id

    @property
    def partial(self) -> str:
        """What was answered so far."""
        return self.text or self.last_message

    def _shown(self, value: Any) -> Any:
        """As events, history and exports may hold it."""
        try:
            return redact(value, also=self._secrets, longest=MAX_STRING)
        except RecursionError:  # too deep to look for credentials in it
            return {"raw": TRUNCATED}

    def tell(self, event: RunEvent) -> None:
        self.log.append(*encode(event))

    def next_turn(self) -> int:
        self._turn += 1
        return self._turn

    async def tell_delta(self, delta: Delta) -> None:
        if delta.reasoning:
            self.tell(ReasoningDelta(content=delta.text))
        else:
            self.tell(MessageDelta(content=delta.text))
            self.text += delta.text
        if self.log.is_full:
            await self.log.room()

    async def finish_answer(self, turn: int, answer: ModelAnswer) -> ModelAnswer:
        """Tell of a finished answer and store it as a step; returns it with call ids that are surely unique."""
        answer = _with_own_call_ids(answer)
        self._take_answer(turn, answer)
        with self.log.unbounded():
            self._tell_answer(answer)
        await self.log.store(Step(ROOT, turn, MODEL, 0, msgspec.json.encode(answer)))
        return answer

    def _tell_answer(self, answer: ModelAnswer) -> None:
        if self.text:
            self._tell_message(partial=False)
        for item in answer.items:
            if item["type"] == "function_call" and item["name"] not in self.handoff_names:
                arguments = self._shown(parsed_arguments(item["arguments"]))
                self.tell(ToolCall(tool_call_id=item["call_id"], tool_name=item["name"], arguments=arguments))
        self._tell_usage(answer.usage)

    def place(self, call_id: str) -> CallPosition:
        """Where the call stands in its turn, whatever the model named it."""
        return self._places[call_id]

    async def finish_tool(self, name: str, call_id: str, output: Any, *, is_error: bool) -> str:
        """Tell of a tool's result and store it as a step, before the model sees the text that is returned."""
        text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        place = self.place(call_id)
        self._take_output(ToolOutput(call_id, text, is_error))
        told = self._shown(output)
        self.tell(ToolResult(tool_call_id=call_id, tool_name=name, output=told, is_error=is_error))
        payload = msgspec.json.encode(ToolOutput(call_id, text, is_error))
        await self.log.store(Step(place.scope, place.turn, TOOL, place.position, payload))
        return text

    def note_output(self, call_id: str, output: str, *, tell: bool) -> None:
        """An output that the SDK made by itself: of a handoff, or of a tool that does not exist."""
        if call_id in self._told:
            return
        self._take_output(ToolOutput(call_id, output, is_error=tell))
        name = next((item["name"] for item in self.items if item.get("call_id") == call_id), "")
        if tell and name not in self.handoff_names:
            self.tell(ToolResult(tool_call_id=call_id, tool_name=name, output=self._shown(output), is_error=True))

    def close_partial(self) -> None:
        """Tell what the message that was cut off holds, and what the call has used as far as anyone knows."""
        stream, text = self.stream, self.text
        if text:
            self._tell_message(partial=True)
            self.items.append(message_item(text))
        if stream is not None:
            usage = stream.partial_usage()
            if usage.input_tokens or usage.output_tokens:
                self.usage = added(self.usage, usage)
                self._tell_usage(usage)

    def restore(self, steps: list[Step], partial: str) -> None:
        """Take up the stored steps of an attempt that died, and the text it had shown beyond them."""
        for step in sorted(steps, key=lambda s: (s.turn, s.kind, s.position)):
            if step.kind == MODEL:
                self._take_answer(step.turn, _answers.decode(step.payload))
            else:
                self._take_output(_outputs.decode(step.payload))
        self.text = partial

    def finished_items(self) -> list[dict[str, Any]]:
        """The new items, without the run's key and without calls that nobody answered: providers reject those."""
        answered = {item["call_id"] for item in self.items if item["type"] == "function_call_output"}
        kept = [item for item in self.items if item["type"] != "function_call" or item["call_id"] in answered]
        return [redact(item, also=self._secrets, names=False) for item in kept] if self._secrets else kept

    def _take_answer(self, turn: int, answer: ModelAnswer) -> None:
        self._turn = turn
        self.stream = None
        self.items.extend(answer.items)
        self.finish_reason = answer.finish_reason
        self.usage = added(self.usage, answer.usage)
        text = "".join(text_of(item) for item in answer.items)
        if text:
            self.last_message = text
        calls = [item["call_id"] for item in answer.items if item["type"] == "function_call"]
        self._places.update({call_id: CallPosition(ROOT, turn, n) for n, call_id in enumerate(calls)})

    def _take_output(self, output: ToolOutput) -> None:
        self._told.add(output.call_id)
        item = {"type": "function_call_output", "call_id": output.call_id, "output": output.output}
        self.items.append({**item, "status": "incomplete"} if output.is_error else item)

    def _tell_message(self, *, partial: bool) -> None:
        self.last_message, self.text = self.text, ""
        self.tell(Message(content=self.last_message, partial=partial))

    def _tell_usage(self, usage: TokenUsage) -> None:
        self.tell(UsageReported(**msgspec.structs.asdict(usage), cost_usd=None))


def added(total: Usage, more: TokenUsage) -> Usage:
    return Usage(
        input_tokens=total.input_tokens + more.input_tokens,
        output_tokens=total.output_tokens + more.output_tokens,
        reasoning_tokens=total.reasoning_tokens + more.reasoning_tokens,
        cached_tokens=total.cached_tokens + more.cached_tokens,
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


def parsed_arguments(arguments: str) -> dict[str, Any]:
    """A call's arguments as an object; what is not one is kept under `raw`."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except (msgspec.DecodeError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"raw": arguments}


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


def _with_own_call_ids(answer: ModelAnswer) -> ModelAnswer:
    """Model-made ids may repeat, be empty, or come back with other arguments: ours replace them."""
    items = [
        {**item, "call_id": f"call_{uuid4().hex}", "arguments": _readable(item["arguments"])}
        if item["type"] == "function_call"
        else item
        for item in answer.items
    ]
    return msgspec.structs.replace(answer, items=items)
