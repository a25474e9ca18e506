"""A stream may be cut after any byte: whoever comes back with the last whole event's id has the same in the end."""

from codecs import getincrementaldecoder
from collections.abc import AsyncIterator

import anyio
import httpx
import pytest

from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.integration.test_runs_control import registry_of
from tests.streams import Parser, Received, said
from tests.wires.chat import ChatWire
from tests.wires.script import Reasoning, answer

pytestmark = pytest.mark.timeout(60)
CHAT = "/api/agents/chat/invoke"
WORDS = [f"wörd-{n}-🥛 " for n in range(150)]
PARTS = [part for word in WORDS for part in (Reasoning(word), word)]
"""Of two kinds in turn: such deltas are told one by one, however busy the machine is."""


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=registry_of(chat_wire)) as running:
        yield running


async def started(client: httpx.AsyncClient) -> str:
    response = await client.post(CHAT, json=said("go"), headers={"Prefer": "respond-async"})
    assert response.status_code == 202, response.text
    return f"{response.headers['location']}/events"


async def rest(client: httpx.AsyncClient, where: str, last_id: int) -> bytes:
    """The stream to its end, for whoever has seen so much of it."""
    response = await client.get(where, headers={"Last-Event-ID": str(last_id)}, timeout=20)
    assert response.status_code in {200, 204}, response.text
    return response.content


def parsed(data: bytes) -> list[Received]:
    return [*Parser().feed(data.decode())]


def cut_everywhere(data: bytes) -> list[list[Received]]:
    """For each number of bytes the events that a client has which got no more."""
    decoder, parser = getincrementaldecoder("utf-8")(), Parser()
    had: list[Received] = []
    cuts = [had]
    for byte in data:
        if new := [*parser.feed(decoder.decode(bytes([byte])))]:
            had = had + new
        cuts.append(had)
    return cuts


@pytest.mark.parametrize("every", [pytest.param(7, id="short"), pytest.param(1, id="long", marks=pytest.mark.soak)])
async def test_a_stream_cut_after_any_byte_is_whole_again(
    client: httpx.AsyncClient, chat_wire: ChatWire, every: int
) -> None:
    """Whoever was cut has some first events; with each number of them the rest is asked for (in short: every 7th)."""
    chat_wire.queue(answer(*PARTS))
    where = await started(client)
    data = await rest(client, where, 0)

    cuts = cut_everywhere(data)
    whole = cuts[-1]
    states = {len(had): had for had in cuts}
    for last_id in range(0, len(whole), every):
        assert states[last_id] + parsed(await rest(client, where, last_id)) == whole
    nothing_left = await client.get(where, headers={"Last-Event-ID": str(len(whole))})

    assert len(cuts) == len(data) + 1
    assert [*states] == list(range(len(whole) + 1))
    assert [event.id for event in whole] == list(range(1, len(whole) + 1))
    assert len(whole) > 300
    assert whole[-1].data["final_message"] == "".join(WORDS)
    assert (nothing_left.status_code, nothing_left.content) == (204, b"")


async def test_a_stream_cut_while_it_goes_on_is_whole_again(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(*PARTS, gap=0.003))
    where = await started(client)
    seen: list[list[Received]] = []

    async def cut_after(size: int) -> None:
        data = b""
        async with client.stream("GET", where, timeout=20) as response:
            async for piece in response.aiter_raw():
                data += piece
                if len(data) >= size:
                    break
        had = cut_everywhere(data[:size])[-1]
        seen.append(had + parsed(await rest(client, where, len(had))))

    async with anyio.create_task_group() as tasks:
        for size in (1, 130, 1001, 5003, 10007, 17011):
            tasks.start_soon(cut_after, size)
    whole = parsed(await rest(client, where, 0))

    assert whole[-1].event == "completed"
    assert seen == [whole] * 6
