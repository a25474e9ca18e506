"""What earlier attempts of a run have finished: a later one answers from it until there is nothing left."""

from collections.abc import Sequence

import msgspec

from app.domain.agents.context import CallPosition
from app.domain.runs.questions import Question
from app.domain.runs.told import Told
from app.lib.providers.model import ModelAnswer, TokenUsage
from app.lib.runlog.store import Step

MODEL = "model"
TOOL = "tool"
CUT = "cut"
"""What a model call that a pause cut off has used."""
BEGUN = "begun"
"""A tool call that must not be repeated has begun."""
ROOT = ""
"""The scope of the run's own agent; an agent used as a tool has one of its own."""


class ToolOutput(msgspec.Struct, frozen=True):
    """The stored step of a tool call: what the model was told."""

    call_id: str
    output: str
    is_error: bool


_answers = msgspec.json.Decoder(ModelAnswer)
_outputs = msgspec.json.Decoder(ToolOutput)
_usages = msgspec.json.Decoder(TokenUsage)


class Memory:
    """Steps are taken out as they are reached again; what is left at the end was not.

    Raises msgspec.MsgspecError where a stored step cannot be read.
    """

    def __init__(
        self, steps: Sequence[Step] = (), told: Told | None = None, questions: Sequence[Question] = ()
    ) -> None:
        self.told = told or Told()
        self._answers = {(s.scope, s.turn): (s, _answers.decode(s.payload)) for s in steps if s.kind == MODEL}
        self._outputs = {
            CallPosition(s.scope, s.turn, s.position): (s, _outputs.decode(s.payload)) for s in steps if s.kind == TOOL
        }
        self._cuts = [(s, _usages.decode(s.payload)) for s in steps if s.kind == CUT]
        self._begun = {CallPosition(s.scope, s.turn, s.position) for s in steps if s.kind == BEGUN}
        self._questions = {question.id: question for question in questions}

    @property
    def used(self) -> list[TokenUsage]:
        """By calls that were cut off."""
        return [usage for _, usage in self._cuts]

    def usage_of(self, scope: str, turn: int) -> TokenUsage | None:
        """Of the stored answer, where nobody has reached it yet."""
        found = self._answers.get((scope, turn))
        return None if found is None else found[1].usage

    def cut_at(self, scope: str, turn: int, position: int) -> TokenUsage | None:
        """Of a call that was cut off or failed."""
        place = (scope, turn, position)
        return next((usage for s, usage in self._cuts if (s.scope, s.turn, s.position) == place), None)

    def answer(self, scope: str, turn: int) -> tuple[Step, ModelAnswer] | None:
        return self._answers.pop((scope, turn), None)

    def output(self, place: CallPosition) -> tuple[Step, ToolOutput] | None:
        return self._outputs.pop(place, None)

    def has_begun(self, place: CallPosition) -> bool:
        return place in self._begun

    def cuts(self, scope: str, turn: int) -> list[tuple[Step, TokenUsage]]:
        """Those of this call that nobody was told of."""
        return [(s, usage) for s, usage in self._cuts if (s.scope, s.turn, s.seq) == (scope, turn, None)]

    def question(self, question: Question) -> Question:
        """As it was stored, perhaps with its answer."""
        return self._questions.get(question.id, question)

    def rest(self) -> list[tuple[Step, ModelAnswer | ToolOutput]]:
        """What was not reached again, in its order."""
        found: list[tuple[Step, ModelAnswer | ToolOutput]] = [*self._answers.values(), *self._outputs.values()]
        return sorted(found, key=lambda entry: (entry[0].turn, entry[0].kind, entry[0].position))
