"""Runs over HTTP: what a client sees of them, and what is stored."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import anyio
import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, SignUp, live_server
from tests.streams import followed, names, only, read_all, said, streamed, text
from tests.wires.chat import ChatWire, without_time
from tests.wires.script import DONE, Call, Ending, Reasoning, Script, answer, chunk, raw, refusal

MODEL = "openai/fake"
KEY = "sk-test-0123456789"


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    """Headgate with the fake provider as the operator's own."""
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY), lent=True)
    settings = settings.model_copy(update={"default_model": MODEL})
    async with live_server(settings, registry=Registry({"openai": own}, demo_words_per_second=10_000)) as running:
        yield running


CHAT = "/api/agents/chat/invoke"
TODO = "/api/todos/agent-create/stream"


async def test_a_stream_begins_with_its_session_and_ends_with_its_completion(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Hello dear world.", usage=(7, 3)))

    events = await streamed(client, CHAT, said("Hi", session_id="greetings"))

    first, last = events[0], events[-1]
    assert first.event == "session_initialized"
    assert first.data["session_id"] == "greetings"
    assert first.data["agent"] == "chat"
    assert first.data["model"] == MODEL
    assert first.data["attempt"] == 1
    assert names(events)[1] == "agent_updated"
    assert text(events) == only(events, "message").data["content"] == "Hello dear world."
    assert last.event == "completed"
    assert last.data["final_message"] == "Hello dear world."
    assert last.data["finish_reason"] == "stop"
    assert (last.data["usage"]["input_tokens"], last.data["usage"]["output_tokens"]) == (7, 3)
    assert [event.id for event in events] == list(range(1, len(events) + 1))


async def test_a_tool_is_called_for_real_and_its_result_goes_back_to_the_model(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": "buy milk"})), answer("It is noted."))

    events = await streamed(client, TODO, said("add buy milk"))

    call, result = only(events, "tool_call"), only(events, "tool_result")
    assert call.data["arguments"] == {"item": "buy milk"}
    assert result.data["tool_call_id"] == call.data["tool_call_id"]
    assert result.data["output"]["item"] == "buy milk"
    assert not result.data["is_error"]
    todos = (await client.get("/api/todos")).json()["items"]
    assert [todo["item"] for todo in todos] == ["buy milk"]
    assert str(result.data["output"]["todo_id"]) == todos[0]["id"]
    told = [m for m in chat_wire.requests[1].messages if m["role"] == "tool"]
    assert "buy milk" in told[0]["content"]


async def test_the_todo_stream_ends_with_the_history(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": "buy milk"})), answer("It is noted."))

    events = await streamed(client, TODO, said("add buy milk"))

    assert names(events)[-2:] == ["completed", "history"]
    history = events[-1]
    assert history.id is None
    assert [entry["role"] for entry in history.data] == ["user", "assistant", "tool", "assistant"]
    assert history.data[-1]["content"] == "It is noted."


async def test_parallel_tool_calls_each_get_a_result(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    calls = [Call("create_todo", {"item": f"thing {n}"}, id="same") for n in range(3)]
    chat_wire.queue(answer(*calls), answer("All three."))

    events = await streamed(client, TODO, said("add three things"))

    called = [e.data["tool_call_id"] for e in events if e.event == "tool_call"]
    answered = [e.data["tool_call_id"] for e in events if e.event == "tool_result"]
    assert len(set(called)) == 3
    assert sorted(called) == sorted(answered)
    assert (await client.get("/api/todos")).json()["total"] == 3


async def test_the_next_run_of_a_session_knows_what_was_said(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Nice to meet you, Ada."), answer("You are Ada."))
    await streamed(client, CHAT, said("I am Ada.", session_id="s"))

    await streamed(client, CHAT, said("Who am I?", session_id="s"))

    spoken = [(m["role"], without_time(m["content"])) for m in chat_wire.requests[1].messages if m["role"] != "system"]
    assert spoken == [("user", "I am Ada."), ("assistant", "Nice to meet you, Ada."), ("user", "Who am I?")]


async def test_earlier_messages_seed_a_new_session_only(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    talk = [
        {"role": "user", "content": "one"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "three"},
    ]
    await streamed(client, CHAT, {"messages": talk, "session_id": "s"})
    await streamed(client, CHAT, {"messages": [*talk, {"role": "user", "content": "four"}], "session_id": "s"})

    first, second = (
        [without_time(m["content"]) for m in r.messages if m["role"] != "system"] for r in chat_wire.requests
    )
    assert first == ["one", "two", "three"]
    assert second == ["one", "two", "three", "You said: three", "four"]


async def test_a_session_has_one_active_run(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Wait ", held, "over."))
    first = await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})

    second = await client.post(CHAT, json=said("go", session_id="s"))

    assert first.status_code == 202
    assert first.headers["location"] == f"/api/runs/{first.json()['id']}"
    assert second.status_code == 409
    assert second.json()["code"] == "session_busy"
    assert second.json()["run_id"] == first.json()["id"]
    held.set()
    assert text(await followed(client, first.json()["id"])) == "Wait over."


async def test_fifty_parallel_starts_on_one_session_leave_one_run(client: httpx.AsyncClient) -> None:
    statuses: list[int] = []

    async def start() -> None:
        body = said("go", session_id="new", model="demo/todo")
        statuses.append((await client.post(CHAT, json=body, headers={"Prefer": "respond-async"})).status_code)

    async with anyio.create_task_group() as tasks:
        for _ in range(50):
            tasks.start_soon(start)

    assert statuses.count(202) >= 1
    assert set(statuses) <= {202, 409}
    runs = (await client.get("/api/runs?session_id=new")).json()
    assert runs["total"] == statuses.count(202)


async def test_waiting_for_the_end_answers_the_run(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Done.", usage=(7, 3)))

    response = await client.post(CHAT, json=said("go"))

    run = response.json()
    assert response.status_code == 200
    assert (run["state"], run["final_message"], run["attempt"]) == ("completed", "Done.", 1)
    assert run["usage"]["input_tokens"] == 7
    assert (await client.get(f"/api/runs/{run['id']}")).json() == run


async def test_the_todo_agent_answers_without_a_stream_too(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": "buy milk"})), answer("It is noted."))

    run = (await client.post("/api/todos/agent-create", json=said("add buy milk"))).json()

    assert run["final_message"] == "It is noted."
    assert [entry["role"] for entry in run["history"]] == ["user", "assistant", "tool", "assistant"]


async def test_reasoning_is_told_apart_from_the_answer(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Reasoning("Let me think."), "Forty-two."))

    events = await streamed(client, CHAT, said("go"))

    reasoning = "".join(e.data["content"] for e in events if e.event == "reasoning_delta")
    assert (reasoning, text(events)) == ("Let me think.", "Forty-two.")


async def test_closing_the_connection_ends_the_reader_only(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Before ", held, "after."))
    async with client.stream("POST", CHAT, json=said("go"), headers={"Accept": "text/event-stream"}) as response:
        location = response.headers["location"]

    held.set()

    run_id = location.rpartition("/")[2]
    assert text(await followed(client, run_id)) == "Before after."


@pytest.mark.parametrize("after", [0, 1, 3, 5])
async def test_rejoining_gets_exactly_what_was_missed(client: httpx.AsyncClient, after: int) -> None:
    events = await streamed(client, CHAT, said("hello there"))
    run_id = events[0].data["run_id"]

    assert await followed(client, run_id, after) == events[after:]


async def test_last_event_id_goes_before_the_query(client: httpx.AsyncClient) -> None:
    events = await streamed(client, CHAT, said("hello there"))
    path = f"/api/runs/{events[0].data['run_id']}/events?after=1"

    async with client.stream("GET", path, headers={"Last-Event-ID": "4"}) as response:
        assert await read_all(response) == events[4:]


async def test_nothing_left_to_read_is_204(client: httpx.AsyncClient) -> None:
    events = await streamed(client, CHAT, said("hello there"))
    run_id = events[0].data["run_id"]

    assert (await client.get(f"/api/runs/{run_id}/events?after={len(events)}")).status_code == 204


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 30])
async def test_a_strange_cursor_is_refused(client: httpx.AsyncClient, cursor: str) -> None:
    run_id = (await client.post(CHAT, json=said("go"))).json()["id"]

    response = await client.get(f"/api/runs/{run_id}/events", headers={"Last-Event-ID": cursor})

    assert response.status_code == 422
    assert response.json()["code"] == "bad_cursor"


async def test_stream_headers(client: httpx.AsyncClient) -> None:
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip, br"}
    async with client.stream("POST", CHAT, json=said("go"), headers=headers) as response:
        got = response.headers
        await response.aread()

    assert got["content-type"] == "text/event-stream"
    assert got["cache-control"] == "no-cache, no-transform"
    assert got["x-accel-buffering"] == "no"
    assert "content-encoding" not in got
    assert UUID(got["location"].rpartition("/")[2])
    assert got["x-request-id"]


async def test_the_envelope_holds_name_and_data(client: httpx.AsyncClient) -> None:
    events = await streamed(client, f"{CHAT}?envelope=true", said("go", include=["history"]))

    assert {event.event for event in events} >= {"session_initialized", "completed", "history"}
    assert all(event.data["event"] == event.event for event in events)
    assert events[0].data["data"]["attempt"] == 1


@asynccontextmanager
async def another_server(settings: Settings, wire: ChatWire, **changes: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A server with other settings, and a client that is signed in."""
    own = Credential(provider="openai", base_url=wire.url, api_key=ApiKey(KEY), lent=True)
    changed = settings.model_copy(update={"default_model": MODEL, **changes})
    async with (
        live_server(changed, registry=Registry({"openai": own})) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        account = {"email": "a@example.com", "password": PASSWORD, "name": "A"}
        await client.post("/api/access/signup", json=account)
        token = (await client.post("/api/access/login", json=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def test_a_quiet_stream_gets_heartbeats(settings: Settings, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Quiet ", held, "now."))
    seen = b""
    async with (
        another_server(settings, chat_wire, stream_heartbeat=0.1) as client,
        client.stream("POST", CHAT, json=said("go"), headers={"Accept": "text/event-stream"}) as response,
    ):
        async for data in response.aiter_bytes():
            seen += data
            if seen.count(b": ping\n\n") == 2:
                held.set()

    assert seen.count(b": ping\n\n") >= 2
    assert b"event: completed" in seen


async def test_cancelling_closes_the_providers_socket_and_keeps_the_partial_answer(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    run_id = (await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})).json()[
        "id"
    ]
    async with client.stream("GET", f"/api/runs/{run_id}/events") as response:
        seen = b""
        async for data in response.aiter_bytes():
            seen += data
            if b"answer" in seen:
                break

    cancelled = await client.post(f"/api/runs/{run_id}/cancel")

    with anyio.fail_after(1):
        await chat_wire.requests[0].hung_up.wait()
    events = await followed(client, run_id)
    end = only(events, "cancelled")
    assert cancelled.json()["state"] == "cancelled"
    assert end == events[-1]
    assert end.data["partial_message"] == "Half an answer"
    assert end.data["upstream_closed"] is True
    assert end.data["usage"]["source"] == "estimated"
    assert end.data["usage"]["output_tokens"] > 0
    assert only(events, "message").data == {"content": "Half an answer", "partial": True}
    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [(h["role"], h["content"], h.get("partial", False)) for h in history] == [
        ("user", "go", False),
        ("assistant", "Half an answer", True),
    ]


async def test_cancelling_again_changes_nothing(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Half", ending=Ending.STALL))
    run_id = (await client.post(CHAT, json=said("go"), headers={"Prefer": "respond-async"})).json()["id"]

    first = await client.post(f"/api/runs/{run_id}/cancel", json={"mode": "immediate"})
    second = await client.post(f"/api/runs/{run_id}/cancel")

    assert first.status_code == second.status_code == 200
    assert first.json() == second.json()
    assert names(await followed(client, run_id)).count("cancelled") == 1


async def test_a_session_can_be_used_again_after_a_cancel(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": "x"}), ending=Ending.STALL), answer("Fresh."))
    body = said("go", session_id="s")
    run_id = (await client.post(TODO.removesuffix("/stream").replace("todos/agent-create", "agents/todo/invoke"),
                                json=body, headers={"Prefer": "respond-async"})).json()["id"]  # fmt: skip
    await chat_wire.request(1)
    await client.post(f"/api/runs/{run_id}/cancel")

    events = await streamed(client, CHAT, said("again", session_id="s"))

    assert text(events) == "Fresh."


@pytest.mark.parametrize(
    ("script", "code"),
    [
        (refusal(401), "provider_"),
        (refusal(500), "provider_"),
        (answer("Half an ans", ending=Ending.RESET), "provider_"),
        (answer("Half an ans", finish_reason=None, done=False), "provider_"),
    ],
    ids=["401", "500", "reset", "cut"],
)
async def test_a_provider_error_ends_the_run_and_keeps_the_partial_answer(
    client: httpx.AsyncClient, chat_wire: ChatWire, script: Script, code: str
) -> None:
    chat_wire.queue(*[script] * 3)

    events = await streamed(client, CHAT, said("go", session_id="s"))

    error = only(events, "error")
    run = (await client.get(f"/api/runs/{events[0].data['run_id']}")).json()
    assert error == events[-1]
    assert error.data["code"].startswith(code)
    assert error.data["message"] == error.data["detail"]
    assert error.data["partial_message"] == text(events)
    assert KEY not in str(events)
    assert (run["state"], run["final_message"]) == ("failed", text(events))
    assert run["error"]["code"] == error.data["code"]


async def test_a_tool_that_fails_is_an_answer_to_the_model(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Call("delete_todo", {"todo_id": str(uuid4())})), answer("There is none."))

    events = await streamed(client, TODO, said("delete it"))

    result = only(events, "tool_result")
    assert result.data["is_error"] is True
    assert result.data["output"]["error"] == "todo_not_found"
    assert events[-2].event == "completed"


async def test_a_tool_that_does_not_exist_is_an_answer_to_the_model(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer(Call("launch_rocket", {})), answer("I cannot."))

    events = await streamed(client, CHAT, said("launch"))

    assert only(events, "tool_result").data["is_error"] is True
    assert events[-1].event == "completed"


async def test_arguments_that_are_not_json_are_an_answer_to_the_model(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer(Call("create_todo", '{"item": ')), answer("Sorry."))

    events = await streamed(client, TODO, said("add"))

    assert only(events, "tool_result").data["is_error"] is True
    assert events[-2].event == "completed"


async def test_too_many_turns_end_the_run(settings: Settings, chat_wire: ChatWire, client: httpx.AsyncClient) -> None:
    chat_wire.default = lambda _: answer(Call("get_user_datetime"))

    events = await streamed(client, "/api/agents/todo/invoke", said("what time is it?"))

    assert events[-1].event == "error"
    assert events[-1].data["code"] == "max_turns_reached"
    assert names(events).count("tool_call") == settings.max_turns


async def test_credentials_in_a_tools_arguments_are_not_told(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    arguments = {"item": "x", "description": "y" * 6000, "password": "hunter2"}
    chat_wire.queue(answer(Call("create_todo", arguments)), answer("Done."))

    events = await streamed(client, TODO, said("add"))

    told = only(events, "tool_call").data["arguments"]
    assert told["password"] == "[REDACTED]"
    assert told["description"] == "y" * 5000 + "... [truncated]"
    assert "hunter2" not in str(events)


async def test_the_runs_own_key_is_told_to_nobody(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(Call("create_todo", {"item": f"call {KEY}", "description": KEY})), answer("Done."))

    events = await streamed(client, TODO, said("add", session_id="s"))

    history = await client.get("/api/sessions/s/history")
    assert only(events, "tool_result").data["output"]["item"] == "call [REDACTED]"
    assert KEY not in str(events)
    assert KEY not in history.text


@pytest.mark.parametrize("arguments", ['{"item":' + "[" * 3000 + "]" * 3000 + "}", r'{"item": "\ud800"}'])
async def test_arguments_that_no_parser_reads_are_an_answer_to_the_model(
    client: httpx.AsyncClient, chat_wire: ChatWire, arguments: str
) -> None:
    chat_wire.queue(answer(Call("create_todo", arguments)), answer("Sorry."))

    events = await streamed(client, TODO, said("add"))

    assert only(events, "tool_result").data["is_error"] is True
    assert events[-2].event == "completed"


async def test_a_run_replaces_another(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One."), answer("Two."), answer("Zwei."))
    await streamed(client, CHAT, said("first", session_id="s"))
    second = await streamed(client, CHAT, said("second", session_id="s"))
    replaced = second[0].data["run_id"]

    events = await streamed(client, CHAT, said("zweitens", session_id="s", replaces=replaced))

    spoken = [without_time(m["content"]) for m in chat_wire.requests[2].messages if m["role"] != "system"]
    assert spoken == ["first", "One.", "zweitens"]
    run = (await client.get(f"/api/runs/{events[0].data['run_id']}")).json()
    assert run["replaces"] == replaced
    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [entry["content"] for entry in history] == ["first", "One.", "zweitens", "Zwei."]


async def test_only_an_own_finished_run_of_the_session_is_replaced(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    other = await sign_up()
    theirs = (await other.post(CHAT, json=said("x", session_id="s"))).json()["id"]
    elsewhere = (await client.post(CHAT, json=said("x", session_id="t"))).json()["id"]

    foreign = await client.post(CHAT, json=said("x", session_id="s", replaces=theirs))
    unknown = await client.post(CHAT, json=said("x", session_id="s", replaces=str(uuid4())))
    wrong_session = await client.post(CHAT, json=said("x", session_id="s", replaces=elsewhere))

    assert foreign.status_code == unknown.status_code == 404
    assert {**foreign.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert wrong_session.status_code == 409


async def test_another_users_run_does_not_exist(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    run_id = (await client.post(CHAT, json=said("go"))).json()["id"]
    other = await sign_up()

    answers = [
        await other.get(f"/api/runs/{run_id}"),
        await other.get(f"/api/runs/{run_id}/events"),
        await other.post(f"/api/runs/{run_id}/cancel"),
    ]

    assert [a.status_code for a in answers] == [404, 404, 404]
    assert (await other.get("/api/runs")).json()["total"] == 0


async def test_the_same_session_id_of_two_users_is_two_sessions(
    client: httpx.AsyncClient, sign_up: SignUp, chat_wire: ChatWire
) -> None:
    other = await sign_up()
    await streamed(client, CHAT, said("my secret plan", session_id="s"))

    await streamed(other, CHAT, said("hello", session_id="s"))

    assert "my secret plan" not in str(chat_wire.requests[1].body)


async def test_an_agent_hands_over_to_another(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    poet = (await client.post("/api/agents", json={"name": "Poet", "instructions": "Rhyme."})).json()["id"]
    boss = await client.post("/api/agents", json={"name": "Boss", "instructions": "Delegate.", "handoffs": [poet]})
    chat_wire.queue(answer(Call("transfer_to_poet", {})), answer("Roses are red."))

    events = await streamed(client, f"/api/agents/{boss.json()['id']}/invoke", said("a poem", session_id="s"))

    assert [e.data["name"] for e in events if e.event == "agent_updated"] == ["Boss", "Poet"]
    assert "tool_call" not in names(events)
    assert events[-1].data["final_message"] == "Roses are red."
    assert "Rhyme." in chat_wire.requests[1].messages[0]["content"]
    chat_wire.queue(answer("Again."))
    await streamed(client, CHAT, said("go on", session_id="s"))
    assert events[-1].event == "completed"


async def test_agents_of_the_same_name_are_handed_to_by_different_tools(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    same = [
        (await client.post("/api/agents", json={"name": name})).json()["id"] for name in ("x 2", "x", "x", "y" * 99)
    ]
    boss = (await client.post("/api/agents", json={"name": "Boss", "handoffs": same})).json()["id"]

    await streamed(client, f"/api/agents/{boss}/invoke", said("go"))

    offered = [tool["function"]["name"] for tool in chat_wire.requests[0].body["tools"]]
    assert len(set(offered)) == 4
    assert max(map(len, offered)) <= 64


async def test_a_refusal_is_an_answer(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(raw(chunk({"role": "assistant", "refusal": "I cannot help."}), chunk(finish_reason="stop"), DONE))

    events = await streamed(client, CHAT, said("go"))

    assert events[-1].event == "completed"
    assert events[-1].data["final_message"] == text(events) == "I cannot help."
    assert events[-1].data["finish_reason"] == "refusal"


async def test_an_unknown_model_or_a_missing_key_is_refused_before_anything_starts(client: httpx.AsyncClient) -> None:
    unknown = await client.post(CHAT, json=said("go", model="nobody/x", session_id="s"))
    keyless = await client.post(CHAT, json=said("go", model="openai_compatible/x", session_id="s"))

    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_model")
    assert (keyless.status_code, keyless.json()["code"]) == (422, "credential_missing")
    assert (await client.get("/api/runs")).json()["total"] == 0
    assert (await client.get("/api/sessions/s")).status_code == 404


async def test_deleting_a_session_stops_its_run_and_closes_its_readers(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Half", anyio.Event()))
    started = await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})
    seen = await chat_wire.request(1)

    async with client.stream("GET", f"/api/runs/{started.json()['id']}/events") as response:
        assert (await client.delete("/api/sessions/s")).status_code == 204
        with anyio.fail_after(5):
            await response.aread()
    with anyio.fail_after(5):
        await seen.hung_up.wait()
    assert (await client.get(f"/api/runs/{started.json()['id']}")).status_code == 404


async def test_a_cursor_beyond_the_log_is_told_so_and_starts_over(client: httpx.AsyncClient) -> None:
    events = await streamed(client, CHAT, said("hello there"))

    again = await followed(client, events[0].data["run_id"], len(events) + 1)

    assert (again[0].event, again[0].id) == ("reset", None)
    assert again[0].data["reason"] == "cursor_ahead"
    assert again[0].data["next_seq"] == 1
    assert again[0].data["run"]["last_seq"] == len(events)
    assert again[1:] == events


async def test_a_run_that_nobody_follows_any_more_ends_if_it_was_asked_to(
    client: httpx.AsyncClient, chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.domain.runs.desertion.DESERTED_SECONDS", 0.2)
    chat_wire.default = lambda _: answer("Half an answer", ending=Ending.STALL)
    runs = []
    for number, choice in enumerate(("cancel", "continue"), 1):
        body = said("go", on_disconnect=choice)
        async with client.stream("POST", CHAT, json=body, headers={"Accept": "text/event-stream"}) as response:
            runs.append(response.headers["location"])
            await chat_wire.request(number)

    with anyio.fail_after(5):
        await chat_wire.requests[0].hung_up.wait()
    ended = await followed(client, runs[0].rpartition("/")[2])

    assert ended[-1].event == "cancelled"
    assert (await client.get(runs[1])).json()["state"] == "running"


async def test_a_secret_that_does_not_exist_starts_nothing(client: httpx.AsyncClient) -> None:
    response = await client.post(CHAT, json=said("go", secret_id=str(uuid4())))

    assert (response.status_code, response.json()["code"]) == (404, "secret_not_found")
    assert (await client.get("/api/runs")).json()["total"] == 0


async def test_a_server_that_does_not_stream_still_answers(settings: Settings, chat_wire: ChatWire) -> None:
    async with another_server(settings, chat_wire, streaming_enabled=False) as client:
        refused = await client.post(TODO, json=said("go"))
        answered = await client.post(CHAT, json=said("go"))

    assert (refused.status_code, refused.json()["code"]) == (403, "streaming_disabled")
    assert answered.json()["final_message"] == "You said: go"


async def test_a_run_that_takes_too_long_ends_with_an_error(settings: Settings, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    async with another_server(settings, chat_wire, stream_timeout=2) as client:
        events = await streamed(client, CHAT, said("go"))

    assert events[-1].data["code"] == "run_timeout"
    assert events[-1].data["partial_message"] == "Half an answer"
    with anyio.fail_after(1):
        await chat_wire.requests[0].hung_up.wait()


async def test_a_run_whose_log_grows_past_its_bound_ends_with_an_error(settings: Settings, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("word " * 3000))
    async with another_server(settings, chat_wire, run_max_bytes=10_000) as client:
        events = await streamed(client, CHAT, said("go"))

    assert events[-1].data["code"] == "run_too_large"
    assert text(events) == events[-1].data["partial_message"]


async def test_a_run_over_its_bound_ends_however_much_it_had_said(settings: Settings, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer(*[f"{'x' * 3000} "] * 800))
    async with another_server(settings, chat_wire, run_max_bytes=2_000_000) as client:
        run = (await client.post(CHAT, json=said("go"), timeout=15)).json()

    assert (run["state"], run["error"]["code"]) == ("failed", "run_too_large")
    assert len(run["final_message"]) > 1_500_000


async def test_a_reader_is_closed_when_its_login_ends(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    async with client.stream("POST", CHAT, json=said("go"), headers={"Accept": "text/event-stream"}) as response:
        await client.post("/api/access/logout")
        with anyio.fail_after(5):
            body = await response.aread()

    assert b"event: session_initialized" in body
    assert b"event: completed" not in body
    assert b"event: error" not in body


async def test_the_schema_describes_every_event(anonymous: httpx.AsyncClient) -> None:
    schemas = (await anonymous.get("/schema/openapi.json")).json()["components"]["schemas"]

    stored, *unstored = schemas["RunEventEnvelope"]["oneOf"]
    assert stored == {"$ref": "#/components/schemas/StoredRunEvent"}
    told = [*schemas["StoredRunEvent"]["oneOf"], *unstored]
    names_of = {one["properties"]["event"]["const"] for one in told}
    assert {"session_initialized", "message_delta", "tool_result", "completed", "error", "reset", "batch"} <= names_of
    assert set(schemas["MessageDelta"]["properties"]) == {"content"}
    assert "try" in schemas["Retrying"]["properties"]
