"""What one attempt of a run knows while it goes on."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

import msgspec

from app.domain.agents.context import CallPosition, RunContext
from app.domain.quotas.prices import NOTHING
from app.domain.runs.answers import (
    added,
    decoded_output,
    message_item,
    parsed_arguments,
    reasoning_of,
    text_of,
    with_own_call_ids,
    without_unanswered,
)
from app.domain.runs.events import (
    AgentUpdated,
    ApprovalRequested,
    InputRequested,
    MessageDelta,
    ReasoningDelta,
    Retrying,
    RunEvent,
    ToolCall,
    Usage,
)
from app.domain.runs.gate import Gate
from app.domain.runs.memory import CUT, MODEL, ROOT, TOOL, Memory, ToolOutput
from app.domain.runs.questions import Question
from app.domain.runs.speech import Speech
from app.domain.runs.telling import Telling
from app.lib.observability.hiding import Hidden
from app.lib.providers.model import AnswerStream, Delta, ModelAnswer, TokenUsage
from app.lib.runlog.log import RunLog
from app.lib.runlog.store import Step


class Attempt:
    """Tells the log what happens and keeps what its end needs. The Agents SDK carries it as its context."""

    def __init__(
        self,
        log: RunLog,
        context: RunContext,
        *,
        memory: Memory | None = None,
        keep_question: Callable[[Question], Awaitable[None]],
        time_line: str = "",
    ) -> None:
        self.log = log
        self.context = context
        self.memory = memory or Memory()
        self.keep_question = keep_question
        self.gate = Gate()
        self.hidden = Hidden()
        """The keys that its calls were made with: neither told nor stored, whatever answer or tool has them."""
        self.telling = Telling(log, self.memory.told, self.hidden)
        self.speech = Speech(self.telling, self.hidden, self.memory.told.text)
        self.time_line = time_line
        self.items: list[dict[str, Any]] = []
        """The session's new items: what the model said and was told."""
        self.last_message = ""
        self.finish_reason = "stop"
        self.usage = Usage(cost_usd=NOTHING)
        for cut in self.memory.used:
            self.usage = added(self.usage, cut)
        self.streams: dict[tuple[str, int], AnswerStream] = {}
        """The providers' answers while they come, by scope and turn."""
        self.handoff_names: frozenset[str] = frozenset()
        self._turns: dict[str, int] = {}
        self._places: dict[str, CallPosition] = {}
        self._taken: set[str] = set()

    @property
    def run_id(self) -> UUID:
        return self.log.run_id

    @property
    def upstream_closed(self) -> bool:
        """Whether calls were in flight and all their connections were closed before the providers had finished."""
        return bool(self.streams) and all(stream.upstream_closed for stream in self.streams.values())

    def tell(self, event: RunEvent) -> None:
        self.telling.tell(event)

    def tell_agent(self, name: str) -> None:
        if not self.memory.told.agent_was_told():
            self.tell(AgentUpdated(name=name))

    def pause(self, hold_seconds: float) -> None:
        """Nothing new begins and nothing more is told. What is going on has so long to finish, and is kept."""
        if self.telling.hold():
            self.gate.close(hold_seconds)

    def resume(self) -> None:
        """Tell what was kept back, and go on."""
        self.telling.let_go(resumed=True)
        self.gate.open()

    # Answers of models

    def next_turn(self, scope: str) -> int:
        turn = self._turns[scope] = self._turns.get(scope, 0) + 1
        return turn

    async def recall_answer(self, scope: str, turn: int) -> ModelAnswer | None:
        """The stored answer of an earlier attempt, told of where nobody was."""
        found = self.memory.answer(scope, turn)
        if found is None:
            return None
        step, answer = found
        self._take_answer(scope, turn, answer)
        if step.seq is None:
            if scope == ROOT:
                self._tell_rest(answer)
            self._tell_answer(scope, answer)
            await self.telling.store(step)
        return answer

    def begin_answer(self, scope: str, turn: int) -> None:
        """A call is made, perhaps again: what was shown of it is void, what it has used is told."""
        cuts = self.memory.cuts(scope, turn)
        if scope == ROOT and self.telling.supersede("paused" if cuts else "interrupted"):
            self.speech.begin()
        for step, usage in cuts:
            self.telling.usage(usage)
            self.telling.attach(step)

    def take_delta(self, scope: str, delta: Delta) -> bool:
        """What `tell_delta` does, unless it may have to wait."""
        if self.telling.must_wait:
            return False
        self._say(scope, delta)
        return True

    async def tell_delta(self, scope: str, delta: Delta) -> None:
        """Waits while too much is not yet stored: so the provider is read more slowly."""
        await self.telling.room()
        self._say(scope, delta)
        if self.telling.is_overfull:
            self.gate.park()

    def _say(self, scope: str, delta: Delta) -> None:
        """An agent that is used as a tool answers its caller: what it says is not shown."""
        if scope == ROOT:
            self.speech.say(delta)

    async def finish_answer(self, scope: str, turn: int, answer: ModelAnswer) -> ModelAnswer:
        """Tell of a finished answer and store it as a step; returns it with call ids that are surely unique."""
        answer = with_own_call_ids(answer)
        encoded = msgspec.json.encode(answer)
        if self.hidden.is_in(encoded.decode()):
            answer = msgspec.structs.replace(answer, items=self.hidden.without(answer.items))
            encoded = msgspec.json.encode(answer)
        del self.streams[scope, turn]
        self._take_answer(scope, turn, answer)
        self._tell_answer(scope, answer)
        await self.telling.store(Step(scope, turn, MODEL, 0, encoded))
        return answer

    def has_spoken(self, scope: str) -> bool:
        """Whether something visible was said of the answer that is being made."""
        return scope == ROOT and bool(self.speech.text)

    async def retry_answer(self, scope: str, turn: int, event: Retrying) -> None:
        """The call has failed and is made again: what was shown of it is void, what it has used counts."""
        self.tell(event)
        self.telling.supersede("retrying")
        self.speech.begin()
        stream = self.streams.pop((scope, turn), None)
        if stream is not None and (usage := self._tell_partial_usage(stream)):
            position = -(100 * self.log.attempt + event.try_)  # found again by `metering`
            await self.telling.store(Step(scope, turn, CUT, position, msgspec.json.encode(usage)))

    def fail_answer(self, scope: str, turn: int) -> None:
        """The run goes on without an agent that is used as a tool: what its call has used is told at once."""
        stream = self.streams.pop((scope, turn), None) if scope != ROOT else None
        if stream is not None:
            self._tell_partial_usage(stream)

    # Tools

    def place(self, call_id: str) -> CallPosition:
        """Where the call stands in its turn, whatever the model named it."""
        return self._places[call_id]

    async def recall_output(self, name: str, call_id: str) -> str | None:
        """What the call answered in an earlier attempt, told of where nobody was."""
        found = self.memory.output(self.place(call_id))
        if found is None:
            return None
        step, done = found
        self._take_output(done)
        if step.seq is None:
            self.telling.result(name, done.call_id, decoded_output(done.output), is_error=done.is_error)
            await self.telling.store(step)
        return done.output

    async def finish_tool(self, name: str, call_id: str, output: Any, *, is_error: bool) -> str:
        """Tell of a tool's result and store it as a step, before the model sees the text that is returned."""
        text = output if isinstance(output, str) else msgspec.json.encode(output).decode()
        if self.hidden.is_in(text):
            text, output = self.hidden.without(text), self.hidden.without(output)
        place, done = self.place(call_id), ToolOutput(call_id, text, is_error)
        self._take_output(done)
        self.telling.result(name, call_id, output, is_error=is_error)
        await self.telling.store(Step(place.scope, place.turn, TOOL, place.position, msgspec.json.encode(done)))
        return text

    def note_output(self, call_id: str, output: str, *, tell: bool) -> None:
        """An output that the SDK made by itself: of a handoff, or of a tool that does not exist."""
        if call_id in self._taken:
            return
        self._take_output(ToolOutput(call_id, output, is_error=tell))
        name = next((item["name"] for item in self.items if item.get("call_id") == call_id), "")
        if tell and name not in self.handoff_names and call_id not in self.memory.told.results:
            self.telling.result(name, call_id, output, is_error=True)

    async def mark(self, place: CallPosition, kind: str) -> None:
        """Store that something stands at a place, before it happens."""
        await self.log.store(Step(place.scope, place.turn, kind, place.position, b"", self.log.seq))

    async def ask(self, question: Question, event: ApprovalRequested | InputRequested) -> None:
        """Store the question and tell of it, once; whoever answers finds it there."""
        told = self.memory.told.questions
        if question.id not in told:
            await self.keep_question(question)
            told.add(question.id)
            self.tell(event)
            await self.log.store()

    # The end, of the run or of this attempt

    def cut(self) -> list[Step]:
        """What the calls in flight have used, as steps: they are made again when the run goes on."""
        return [
            Step(scope, turn, CUT, self.log.attempt, msgspec.json.encode(stream.partial_usage()))
            for (scope, turn), stream in self.streams.items()
        ]

    def close_partial(self) -> None:
        """Tell what the message that was cut off holds, and what its calls have used as far as anyone knows."""
        self._take_rest()
        self.telling.let_go(resumed=False)
        if (text := self.speech.end(partial=True)) is not None:
            self.last_message = text
            self.items.append(message_item(text))
        for stream in self.streams.values():
            self._tell_partial_usage(stream)

    def finished_items(self) -> list[dict[str, Any]]:
        """The new items without calls that nobody answered: providers reject those."""
        return without_unanswered(self.items)

    def _take_rest(self) -> None:
        """What earlier attempts finished and this one did not reach."""
        for step, found in self.memory.rest():
            if isinstance(found, ModelAnswer):
                self._take_answer(step.scope, step.turn, found)
            else:
                self._take_output(found)

    def _take_answer(self, scope: str, turn: int, answer: ModelAnswer) -> None:
        self.usage = added(self.usage, answer.usage)
        calls = [item["call_id"] for item in answer.items if item["type"] == "function_call"]
        self._places.update({call_id: CallPosition(scope, turn, n) for n, call_id in enumerate(calls)})
        if scope != ROOT:
            return
        self.items.extend(answer.items)
        self.finish_reason = answer.finish_reason
        text = "".join(text_of(item) for item in answer.items)
        if text:
            self.last_message = text

    def _take_output(self, output: ToolOutput) -> None:
        self._taken.add(output.call_id)
        place = self._places.get(output.call_id)
        if place is not None and place.scope != ROOT:
            return
        item = {"type": "function_call_output", "call_id": output.call_id, "output": output.output}
        self.items.append({**item, "status": "incomplete"} if output.is_error else item)

    def _tell_rest(self, answer: ModelAnswer) -> None:
        """Of an answer that came while the run was paused: what was not shown of it before."""
        told = self.memory.told
        reasoning = "".join(reasoning_of(item) for item in answer.items)
        text = "".join(text_of(item) for item in answer.items)
        if not (text.startswith(told.text) and (told.text or reasoning.startswith(told.reasoning))):
            self.telling.supersede("paused")
        if not told.text and len(reasoning) > len(told.reasoning):
            self.tell(ReasoningDelta(content=reasoning[len(told.reasoning) :]))
        if len(text) > len(told.text):
            self.tell(MessageDelta(content=text[len(told.text) :]))
        told.text, told.reasoning, told.from_seq = "", "", None
        self.speech.begin(text)

    def _tell_answer(self, scope: str, answer: ModelAnswer) -> None:
        """What belongs together is written whole, though the log grows past its bound."""
        with self.log.unbounded():
            if scope == ROOT:
                self.last_message = self.speech.end(partial=False) or self.last_message
            for item in answer.items:
                if item["type"] == "function_call" and item["name"] not in self.handoff_names:
                    arguments = self.telling.shown(parsed_arguments(item["arguments"]))
                    self.tell(ToolCall(tool_call_id=item["call_id"], tool_name=item["name"], arguments=arguments))
            self.telling.usage(answer.usage)

    def _tell_partial_usage(self, stream: AnswerStream) -> TokenUsage | None:
        usage = stream.partial_usage()
        if usage.input_tokens or usage.output_tokens:
            self.usage = added(self.usage, usage)
            self.telling.usage(usage)
            return usage
        return None
