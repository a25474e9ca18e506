"""The providers of the adapters' benchmark: all four wires, in a process of its own.

The model's name says what comes: `600x1x8` is 600 words, eight events a write, and a wait of 1 ms for each event.
"""

import re
from contextlib import AsyncExitStack
from functools import partial

import anyio
import msgspec

from tests.wires.chat import Seen
from tests.wires.dialects import DIALECTS, Dialect
from tests.wires.script import Script, Step

_PACED = re.compile(r"(\d+)x(\d+)x(\d+)")


def reply(dialect: Dialect, seen: Seen) -> Script:
    found = _PACED.search(f"{seen.path} {seen.body.get('model')}")
    if found is None:
        raise ValueError(seen.path)
    words, gap, together = map(int, found.groups())
    whole = dialect.answer("tok " * words)
    events = [step for step in whole.steps if isinstance(step, bytes)]
    steps: list[Step] = []
    for at in range(0, len(events), together):
        steps += [b"".join(events[at : at + together]), gap * together / 1000]
    return Script(tuple(steps), headers=whole.headers)


async def serve() -> None:
    async with AsyncExitStack() as stack:
        urls = {}
        for dialect in DIALECTS:
            wire = await stack.enter_async_context(dialect.serve())
            wire.default = partial(reply, dialect)
            urls[dialect.provider] = dialect.base_url(wire)
        print(msgspec.json.encode(urls).decode(), flush=True)
        await anyio.sleep_forever()


if __name__ == "__main__":
    anyio.run(serve, backend_options={"use_uvloop": True})
