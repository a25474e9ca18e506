"""What a log has told so far, read from its stored events when another attempt goes on with the run."""

from uuid import UUID

from app.domain.runs.events import (
    ApprovalRequested,
    InputRequested,
    MessageDelta,
    RunEvent,
    Superseded,
    ToolResult,
    decode,
)
from app.lib.runlog.frames import parse, split
from app.lib.runlog.store import LogStore

_PAGE = 256 * 1024


class Told:
    """Also what a run that has told nothing yet begins with."""

    def __init__(self) -> None:
        self.text = ""
        """Visible text of the message that nobody finished."""
        self.reasoning = ""
        """The same, of what the model thought aloud."""
        self.from_seq: int | None = None
        """The first event of the answer that nobody finished."""
        self.paused = False
        self.results: set[str] = set()
        """Calls whose result was told."""
        self.questions: set[str] = set()
        self._agents: list[int] = []

    def take(self, seq: int, name: bytes, data: bytes) -> None:
        match name:
            case b"message_delta" | b"reasoning_delta":
                self._take_delta(seq, decode(name, data))
            case b"message":
                self.text = ""
            case b"usage":
                self._finished()
            case b"agent_updated":
                self._agents.append(seq)
            case b"paused" | b"resumed":
                self.paused = name == b"paused"
            case b"superseded" | b"tool_result" | b"approval_requested" | b"input_requested":
                self._take(decode(name, data))

    def agent_was_told(self) -> bool:
        """Whether the next agent that takes over was told of already; what is void was not."""
        if self._agents and (self.from_seq is None or self._agents[0] < self.from_seq):
            self._agents.pop(0)
            return True
        return False

    def _take_delta(self, seq: int, event: RunEvent) -> None:
        self.from_seq = self.from_seq or seq
        if isinstance(event, MessageDelta):
            self.text += event.content
        else:
            self.reasoning += getattr(event, "content", "")

    def _take(self, event: RunEvent) -> None:
        match event:
            case Superseded(from_seq=from_seq):
                self._agents = [seq for seq in self._agents if seq < from_seq]
                self._finished()
            case ToolResult(tool_call_id=call_id):
                self.results.add(call_id)
            case ApprovalRequested(approval_id=question) | InputRequested(input_id=question):
                self.questions.add(question)

    def _finished(self) -> None:
        self.text = self.reasoning = ""
        self.from_seq = None


async def read_told(store: LogStore, run_id: UUID) -> Told:
    told = Told()
    seq = 0
    while batches := await store.read(run_id, seq, _PAGE):
        for frame in (one for batch in batches for one in split(batch.frames)):
            told.take(*parse(frame))
        seq = batches[-1].last_seq
    return told
