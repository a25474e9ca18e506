"""What a log shows of an answer that nobody finished."""

from uuid import UUID

from app.domain.runs.events import MessageDelta, decode
from app.lib.runlog.frames import parse, split
from app.lib.runlog.store import LogStore

_PAGE = 256 * 1024


async def unfinished_text(store: LogStore, run_id: UUID) -> str:
    """The visible text after the last finished message, read from the stored events."""
    text: list[str] = []
    seq = 0
    while batches := await store.read(run_id, seq, _PAGE):
        for frame in (one for batch in batches for one in split(batch.frames)):
            _, name, data = parse(frame)
            if name == b"message_delta":
                event = decode(name, data)
                text.append(event.content if isinstance(event, MessageDelta) else "")
            elif name == b"message":
                text.clear()
        seq = batches[-1].last_seq
    return "".join(text)
