"""Reading an adapter's answer to its end."""

from app.lib.providers.model import Adapter, Delta, ModelAnswer, ModelCall

ALWAYS_SENT = {"host", "accept", "accept-encoding", "content-type", "content-length", "user-agent"}
"""The names of the headers of each request."""


async def answer_of(adapter: Adapter, call: ModelCall) -> tuple[list[Delta], ModelAnswer]:
    async with adapter.stream(call) as stream:
        deltas = [delta async for delta in stream]
    assert not stream.upstream_closed
    return deltas, stream.answer


def text_of(deltas: list[Delta], *, reasoning: bool = False) -> str:
    return "".join(delta.text for delta in deltas if delta.reasoning is reasoning)
