"""`/api/ws`: what one socket can do."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from app.domain.runs.socket import follows
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.sockets import SocketClient, bare_frame, bare_socket, ids, socket_of, spoken
from tests.streams import followed, said
from tests.wires.chat import ChatWire
from tests.wires.script import answer

WORDS = "Hello dear world, here I am."


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": own})) as running:
        yield running


async def invoke(socket: SocketClient, words: str = "Hi", **members: object) -> str:
    run = await socket.ok("invoke", agent="chat", body=said(words, **members))
    return str(run["id"])


async def test_a_run_started_on_a_socket_is_followed_to_its_end(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(WORDS))

    async with socket_of(client) as socket:
        started = await socket.ask("invoke", agent="chat", body=said("Hi", session_id="monday"))
        run_id = started["ok"]["id"]
        seen = await socket.end_of(run_id)

    assert set(started) == {"ref", "ok"}
    assert (started["ok"]["agent"], started["ok"]["session_id"]) == ("chat", "monday")
    assert all(set(told) == {"run_id", "id", "event", "data"} for told in seen)
    assert ids(seen) == list(range(1, len(seen) + 1))
    assert [seen[0]["event"], seen[-1]["event"]] == ["session_initialized", "completed"]
    assert spoken(seen) == WORDS


async def test_the_data_is_that_of_the_event_stream(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer('Quotes ", braces }{ and é 日本 \\ lines\n\nend.'))

    async with socket_of(client) as socket:
        run_id = await invoke(socket)
        seen = await socket.end_of(run_id)

    streamed = await followed(client, run_id)
    assert [(told["id"], told["event"], told["data"]) for told in seen] == [
        (event.id, event.event, event.data) for event in streamed
    ]


async def test_many_runs_share_one_socket(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    go_on = anyio.Event()
    for number in range(5):
        chat_wire.queue(answer(f"Begin {number}. ", go_on, f"End {number}."))

    async with socket_of(client) as socket:
        runs = [await invoke(socket) for _ in range(5)]
        for run_id in runs:
            await socket.until(lambda told, run_id=run_id: told.get("run_id") == run_id and told["id"] > 2)  # type: ignore[misc]
        go_on.set()
        ends = [await socket.end_of(run_id) for run_id in runs]

    assert sorted(spoken(seen) for seen in ends) == [f"Begin {number}. End {number}." for number in range(5)]
    assert all(ids(seen) == list(range(1, len(seen) + 1)) for seen in ends)


async def test_two_tabs_see_the_same_run_live(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    go_on = anyio.Event()
    chat_wire.queue(answer("First half. ", go_on, "Second half."))

    async with socket_of(client) as one, socket_of(client) as two:
        run_id = await invoke(one)
        assert (await two.ok("follow", run_id=run_id))["state"] == "running"
        for tab in (one, two):
            await tab.until(lambda told: told.get("event") == "message_delta")
        go_on.set()
        seen = [await tab.end_of(run_id) for tab in (one, two)]

    assert seen[0] == seen[1]
    assert spoken(seen[0]) == "First half. Second half."


async def test_following_begins_after_the_given_event(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(WORDS))

    async with socket_of(client) as socket:
        run_id = await invoke(socket)
        all_of_it = await socket.end_of(run_id)
        socket.told.clear()
        run = await socket.ok("follow", run_id=run_id, after=3)
        rest = await socket.end_of(run_id)
        socket.told.clear()
        await socket.ok("follow", run_id=run_id, after=run["last_seq"])
        await socket.ok("ping")

    assert run["state"] == "completed"
    assert rest == all_of_it[3:]
    assert socket.of(run_id) == []


async def test_a_cursor_beyond_the_log_gets_a_reset_and_then_the_log(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer(WORDS))

    async with socket_of(client) as socket:
        run_id = await invoke(socket)
        await socket.end_of(run_id)
        socket.told.clear()
        await socket.ok("follow", run_id=run_id, after=1000)
        seen = await socket.end_of(run_id)

    assert set(seen[0]) == {"run_id", "event", "data"}
    assert (seen[0]["event"], seen[0]["data"]["reason"]) == ("reset", "cursor_ahead")
    assert ids(seen) == list(range(1, len(seen)))


async def test_nothing_comes_of_a_run_that_is_not_followed_any_more(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    go_on = anyio.Event()
    chat_wire.queue(answer("First half. ", go_on, "Second half."))

    async with socket_of(client) as socket, socket_of(client) as other:
        run_id = await invoke(socket)
        await other.ok("follow", run_id=run_id)
        await socket.until(lambda told: told.get("event") == "message_delta")
        assert await socket.ok("unfollow", run_id=run_id) is True
        assert await socket.ok("unfollow", run_id=run_id) is True
        before = len(socket.of(run_id))
        go_on.set()
        await other.end_of(run_id)
        await socket.ok("ping")

    assert len(socket.of(run_id)) == before


async def test_a_run_is_cancelled_over_the_socket(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("First half. ", anyio.Event()))

    async with socket_of(client) as socket:
        run_id = await invoke(socket)
        await socket.until(lambda told: told.get("event") == "message_delta")
        run = await socket.ok("cancel", run_id=run_id)
        seen = await socket.end_of(run_id)

    assert run["state"] == "cancelled"
    assert seen[-1]["event"] == "cancelled"


async def test_the_history_follows_where_it_was_asked_for(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(WORDS))

    async with socket_of(client) as socket:
        run_id = await invoke(socket, include=["history"])
        history = await socket.until(lambda told: told.get("event") == "history")

    assert history["run_id"] == run_id
    assert [entry["role"] for entry in history["data"]] == ["user", "assistant"]


@pytest.mark.parametrize("op", ["follow", "pause", "resume", "cancel", "approve", "input"])
async def test_someone_elses_run_is_not_there(
    client: httpx.AsyncClient, sign_up: SignUp, chat_wire: ChatWire, op: str
) -> None:
    chat_wire.queue(answer(WORDS))
    asked: dict[str, dict[str, Any]] = {
        "approve": {"approval_id": "a", "approve": True},
        "input": {"input_id": "a", "content": "b"},
    }
    more = asked.get(op, {})

    async with socket_of(client) as socket, socket_of(await sign_up()) as stranger:
        run_id = await invoke(socket)
        await socket.end_of(run_id)
        foreign = await stranger.refusal(op, run_id=run_id, **more)
        missing = await stranger.refusal(op, run_id=str(uuid4()), **more)
        assert await stranger.ok("ping") is True

    assert foreign == missing == "run_not_found"
    assert stranger.told == []


async def test_a_refused_start_is_a_problem_and_the_socket_stays(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("First half. ", anyio.Event()))

    async with socket_of(client) as socket:
        run_id = await invoke(socket, session_id="one")
        busy = await socket.ask("invoke", agent="chat", body=said("Again", session_id="one"))
        unknown = await socket.refusal("invoke", agent="nobody", body=said("Hi"))
        empty = await socket.refusal("invoke", agent="chat", body={"messages": []})
        await socket.ok("cancel", run_id=run_id)

    assert busy["error"]["code"] == "session_busy"
    assert busy["error"]["run_id"] == run_id
    assert (busy["error"]["status"], busy["error"]["type"]) == (409, "urn:problem:session_busy")
    assert unknown == "agent_not_found"
    assert empty == "too_many_messages"


BAD: dict[str, tuple[str | bytes, str]] = {
    "not JSON": ("{", "unreadable_body"),
    "a list": ("[1]", "bad_message"),
    "no op": ('{"ref": 1}', "bad_message"),
    "an op that is no text": ('{"op": 1}', "bad_message"),
    "an unknown op": ('{"op": "dance"}', "invalid_body"),
    "a field too many": ('{"op": "ping", "loud": true}', "invalid_body"),
    "a field too few": ('{"op": "follow"}', "invalid_body"),
    "an id that is none": ('{"op": "follow", "run_id": "x"}', "invalid_body"),
    "a cursor below zero": (f'{{"op": "follow", "run_id": "{uuid4()}", "after": -1}}', "invalid_body"),
    "a ref that is an object": ('{"op": "ping", "ref": {}}', "bad_message"),
    "a ref without end": ('{"op": "ping", "ref": "%s"}' % ("x" * 200), "bad_message"),
    "lists without end": ("[" * 100_000, "unreadable_body"),
    "half of a pair": ('{"op": "ping", "ref": "\\ud800"}', "unreadable_body"),
    "no character": ('{"op": "invoke", "agent": "a\\u0000b", "body": {"messages": []}}', "invalid_field"),
    "no number": ('{"op": "ping", "ref": NaN}', "unreadable_body"),
    "binary": (b'{"op": "ping"}', "bad_message"),
    "nothing": ("", "unreadable_body"),
}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_is_no_message_is_a_problem_and_the_socket_stays(client: httpx.AsyncClient) -> None:
    async with socket_of(client) as socket:
        for name, (message, code) in BAD.items():
            await socket.connection.send(message)
            told = await socket.hear()
            assert set(told) == {"ref", "error"}, name
            assert told["error"]["code"] == code, name
            assert 400 <= told["error"]["status"] < 500, name
        assert await socket.ok("ping") is True


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_problem_says_where_and_carries_the_ref(client: httpx.AsyncClient) -> None:
    async with socket_of(client) as socket:
        body = {"messages": [{"role": "system", "content": "Hi"}]}
        told = await socket.ask("invoke", agent="chat", body=body)
        await socket.connection.send('{"op": "dance", "ref": "mine"}')
        unknown = await socket.hear()

    assert told["error"]["errors"][0]["pointer"] == "/body/messages/0/role"
    assert (unknown["ref"], unknown["error"]["errors"][0]["pointer"]) == ("mine", "/op")
    assert told["error"]["request_id"]


async def test_a_socket_follows_a_bounded_number_of_runs(
    client: httpx.AsyncClient, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follows, "MOST", 2)
    for _ in range(2):
        chat_wire.queue(answer("Wait. ", anyio.Event()))

    async with socket_of(client) as socket:
        first, second = await invoke(socket), await invoke(socket)
        started = await socket.refusal("invoke", agent="chat", body=said("Hi"))
        again = await socket.ok("follow", run_id=first)
        await socket.ok("unfollow", run_id=second)
        chat_wire.queue(answer(WORDS))
        third = await invoke(socket)
        await socket.end_of(third)
        for run_id in (first, second):
            await socket.ok("cancel", run_id=run_id)

    assert started == "too_many_follows"
    assert again["id"] == first
    total = (await client.get("/api/runs")).json()["total"]
    assert total == 3


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_thousands_of_messages_keep_nobody_waiting(client: httpx.AsyncClient, server: LiveServer) -> None:
    many, heard = 5_000, 0
    ticket = (await client.post("/api/tickets")).json()["ticket"]

    async with (
        socket_of(client) as calm,
        bare_socket(server.url, ticket) as noisy,
        anyio.create_task_group() as tasks,
    ):

        async def listen() -> None:
            nonlocal heard
            while heard < many:
                heard += (await noisy.receive()).count(b'"ok":true')

        tasks.start_soon(listen)
        await noisy.send(bare_frame({"op": "ping"}) * many)
        await calm.ok("ping")
        before = heard

    assert before < many
    assert heard == many
