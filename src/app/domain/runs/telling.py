"""What a run tells its log: at once, or kept back while the run is paused."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import msgspec

from app.domain.runs.answers import MAX_STRING
from app.domain.runs.events import (
    Message,
    MessageDelta,
    Paused,
    ReasoningDelta,
    Resumed,
    RunEvent,
    Superseded,
    ToolResult,
    UsageReported,
    encode,
)
from app.domain.runs.gathering import Gathering
from app.domain.runs.told import Told
from app.lib.observability.hiding import Hidden
from app.lib.observability.redaction import TRUNCATED, redact
from app.lib.providers.model import Delta, TokenUsage
from app.lib.runlog.errors import LeaseLost, LogTooLarge
from app.lib.runlog.log import RunLog
from app.lib.runlog.store import Step

MAX_HELD = 1024 * 1024
"""Characters that are kept back of a paused run."""


class Telling:
    def __init__(self, log: RunLog, told: Told, hidden: Hidden) -> None:
        self.log = log
        self.told = told
        self._hidden = hidden
        self._held: list[RunEvent] | None = None
        self._held_size = 0
        self._untold: list[Step] = []
        self._gathering = Gathering(self.flush)

    def tell(self, event: RunEvent) -> None:
        """Add an event to the log; of a paused run it is kept back until it is resumed."""
        self._tell_gathered()
        if self._held is None:
            self._append(event)
        else:
            self._held.append(event)

    def _append(self, event: RunEvent) -> None:
        self.log.append(*encode(event))
        kind = type(event)
        if kind is MessageDelta or kind is ReasoningDelta:
            if self.told.from_seq is None:
                self.told.from_seq = self.log.seq
        elif kind is UsageReported:
            self.told.from_seq = None

    def delta(self, delta: Delta) -> None:
        """Tell of it at once; while there is too much to do, together with those that follow soon.

        Where it raises, this delta is not told of, now or later.
        """
        if self._held is not None:
            self._held.append(_delta_event(delta.text, reasoning=delta.reasoning))
            self._held_size += len(delta.text)
        elif not self._gathering.takes(delta, self.log.window):
            self.tell(_delta_event(delta.text, reasoning=delta.reasoning))

    def flush(self) -> None:
        """Tell what was gathered. Where the log refuses it, whoever tells something next will hear so."""
        with suppress(LeaseLost, LogTooLarge):
            self._tell_gathered()

    def _tell_gathered(self) -> None:
        gathering = self._gathering
        if gathering.parts:
            self._append(_delta_event(gathering.text(), reasoning=gathering.reasoning))
            gathering.told()

    @property
    def must_wait(self) -> bool:
        """More deltas are for somebody who can wait: too much is not yet stored, or the run is paused."""
        return self._held is not None or self.log.is_full

    async def room(self) -> None:
        """Waits while too much is not yet stored, and so the provider is read more slowly."""
        if self._held is None and self.log.is_full:
            await self.log.room()

    @property
    def is_overfull(self) -> bool:
        return self._held_size > MAX_HELD

    def message(self, text: str, *, partial: bool) -> None:
        self.tell(Message(content=text, partial=partial))

    def usage(self, usage: TokenUsage) -> None:
        self.tell(UsageReported(**msgspec.structs.asdict(usage)))

    def result(self, name: str, call_id: str, output: Any, *, is_error: bool) -> None:
        shown = self.shown(output)
        self.tell(ToolResult(tool_call_id=call_id, tool_name=name, output=shown, is_error=is_error))

    def supersede(self, reason: str) -> bool:
        """Whether something was shown of an answer that nobody finished: it is void from here on."""
        self._tell_gathered()
        told = self.told
        if told.from_seq is None:
            return False
        self.tell(Superseded(from_seq=told.from_seq, attempt=self.log.attempt, reason=reason))
        told.text, told.reasoning, told.from_seq = "", "", None
        return True

    async def store(self, step: Step) -> None:
        """Store a step with the events that tell of it; those of a paused run follow when it is resumed."""
        if self._held is None:
            await self.log.store(msgspec.structs.replace(step, seq=self.log.seq))
        else:
            self._untold.append(step)
            await self.log.store(step)

    def attach(self, step: Step) -> None:
        """Let a stored step know that it was told of."""
        self.log.attach(msgspec.structs.replace(step, seq=self.log.seq))

    def hold(self) -> bool:
        """Say that the run is paused, and nothing after it. False where that is so already."""
        if self._held is not None:
            return False
        with self.log.unbounded():
            self._tell_gathered()
            if not self.told.paused:
                self.told.paused = True
                self.tell(Paused(reason="requested"))
        self._held = []
        return True

    def let_go(self, *, resumed: bool) -> None:
        """Tell what was kept back."""
        held, self._held, self._held_size = self._held or [], None, 0
        with self.log.unbounded():
            self._tell_gathered()
            if resumed and self.told.paused:
                self.told.paused = False
                self.tell(Resumed(reason="requested"))
            for event in _joined(held):
                self.tell(event)
        steps, self._untold = self._untold, []
        for step in steps:
            self.attach(step)

    def shown(self, value: Any) -> Any:
        """As events, history and exports may hold it."""
        try:
            return redact(value, also=self._hidden.spellings, longest=MAX_STRING)
        except RecursionError:  # too deep to look for credentials in it
            return {"raw": TRUNCATED}


def _delta_event(text: str, *, reasoning: bool) -> MessageDelta | ReasoningDelta:
    return ReasoningDelta(content=text) if reasoning else MessageDelta(content=text)


def _joined(events: list[RunEvent]) -> Iterator[RunEvent]:
    """Neighbouring deltas of one kind as one."""
    gathered: list[str] = []
    kind: type[MessageDelta | ReasoningDelta] | None = None
    for event in events:
        if kind is not None and type(event) is not kind:
            yield kind(content="".join(gathered))
            gathered, kind = [], None
        if isinstance(event, MessageDelta | ReasoningDelta):
            kind = type(event)
            gathered.append(event.content)
        else:
            yield event
    if kind is not None:
        yield kind(content="".join(gathered))
