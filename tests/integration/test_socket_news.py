"""What a user's sockets are told of runs that they do not follow."""

from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import httpx
import pytest

from app.server.settings import Settings
from tests.browser import Person
from tests.chatting import serving
from tests.integration.conftest import LiveServer
from tests.sockets import socket_of
from tests.streams import said
from tests.wires.chat import ChatWire
from tests.wires.script import answer, refusal

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire) as running:
        yield running


async def started(client: httpx.AsyncClient) -> str:
    run = await client.post("/api/agents/chat/invoke", json=said("go"), headers={"Prefer": "respond-async"})
    return str(run.json()["id"])


async def test_a_user_hears_of_runs_that_others_of_their_clients_begin(
    new_person: Callable[..., Awaitable[Person]], chat_wire: ChatWire
) -> None:
    ada, bob = await new_person("Ada"), await new_person("Bob")
    go_on = anyio.Event()
    chat_wire.queue(answer(go_on, "Hello."), refusal(401))

    async with socket_of(ada.api) as one, socket_of(ada.api) as two, socket_of(bob.api) as stranger:
        for socket in (one, two, stranger):
            await socket.ok("ping")
        run_id = await started(ada.api)
        begun = [await socket.notice("run_started") for socket in (one, two)]
        go_on.set()
        ended = [await socket.notice("run_ended") for socket in (one, two)]
        one.told.clear()
        failing = await started(ada.api)
        failed = await one.notice("run_ended")
        await stranger.ok("ping")

    run = (await ada.api.get(f"/api/runs/{run_id}")).json()
    about = {"run_id": run_id, "session_id": run["session_id"], "agent": "chat"}
    assert begun == [{"kind": "run_started", "detail": "A run has begun.", **about}] * 2
    assert ended == [{"kind": "run_ended", "detail": "A run has ended.", "state": "completed", **about}] * 2
    assert (failed["run_id"], failed["state"]) == (failing, "failed")
    assert stranger.told == []
    assert [told for told in two.told if "notice" not in told] == [], "notices are not events of a run"


async def test_when_it_hears_of_an_end_the_run_has_ended(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Hello."))

    async with socket_of(client) as socket:
        await socket.ok("ping")
        run_id = await started(client)
        await socket.notice("run_ended")

    assert (await client.get(f"/api/runs/{run_id}")).json()["state"] == "completed"
