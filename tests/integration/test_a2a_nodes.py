"""A2A over two nodes: a task outlives the one that runs it, and is told by the other."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest

from tests.a2a import NEW, Frame, answer_of, frames_of, kinds, message, request, text_of
from tests.chaos import LEASE_SECONDS, Fleet, Teller, environment, fleet_of
from tests.servers import Nursery
from tests.wires.chat import ChatWire

pytestmark = [pytest.mark.timeout(120), pytest.mark.parametrize("database_url", ["postgres"], indirect=True)]


@pytest.fixture
async def nodes(
    servers: Nursery, tmp_path: Path, database_url: str, chat_wire: ChatWire
) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    settings = environment(chat_wire, database_url)
    async with fleet_of("first", "second", servers=servers, folder=tmp_path, settings=settings) as made:
        yield made


async def begin(http: httpx.AsyncClient, url: str) -> str:
    """A task's id."""
    params = {**message("run 1"), "configuration": {"returnImmediately": True}}
    answer = await http.post(f"{url}/a2a", json=request("SendMessage", params), headers=NEW)
    return str(answer.json()["result"]["task"]["id"])


async def test_a_follower_on_another_node_sees_every_event_once_though_the_first_is_killed(
    nodes: tuple[Fleet, httpx.AsyncClient], chat_wire: ChatWire
) -> None:
    chat_wire.default = teller = Teller(words=30, gap=0.03)
    fleet, http = nodes
    task_id = await begin(http, fleet.urls["first"])
    seen: list[Frame] = []

    body = request("SubscribeToTask", {"id": task_id})
    async with http.stream("POST", f"{fleet.urls['second']}/a2a", json=body, headers=NEW, timeout=60) as response:
        async for frame in frames_of(response):
            seen.append(frame)
            if len(text_of(seen).split()) > 5 and not fleet.kills:
                await fleet.kill("first")
    ended = anyio.current_time()

    ids = [frame.id for frame in seen if frame.id is not None]
    assert ids == sorted(set(ids))
    assert kinds(seen)[-1] == "statusUpdate completed"
    answer = await http.post(f"{fleet.urls['second']}/a2a", json=request("GetTask", {"id": task_id}), headers=NEW)
    assert text_of(seen) == answer_of(answer.json()["result"])
    assert text_of(seen) in teller.said["run 1"]
    assert ended - fleet.kills[0] < LEASE_SECONDS + 10
    await fleet.kill("second")
    await fleet.start("second")
    after = {**NEW, "Last-Event-ID": str(ids[2])}
    async with http.stream("POST", f"{fleet.urls['second']}/a2a", json=body, headers=after, timeout=20) as response:
        again = [frame async for frame in frames_of(response)]
    assert again[0].id == ids[2]
    assert min(frame.id for frame in again[1:] if frame.id is not None) > ids[2]
    assert text_of(again) == text_of(seen)
