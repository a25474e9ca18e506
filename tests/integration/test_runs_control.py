"""Pause, resume, cancel and answer: what a client asks of a run while it goes on."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.streams import Received, events_of, followed, names, only, said, text
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Call, Ending, Script, answer

KEY = "sk-test-0123456789"
CHAT = "/api/agents/chat/invoke"
TODO = "/api/todos/agent-create/stream"


def registry_of(wire: ChatWire) -> Registry:
    own = Credential(provider="openai", base_url=wire.url, api_key=ApiKey(KEY), lent=True)
    return Registry({"openai": own})


@pytest.fixture
def options() -> dict[str, Any]:
    return {}


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire, options: dict[str, Any]) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai/fake", **options})
    async with live_server(settings, registry=registry_of(chat_wire)) as running:
        yield running


class Reading:
    """A reader in the background, and what it has got so far."""

    def __init__(self) -> None:
        self.events: list[Received] = []
        self.run_id = ""
        self._more = anyio.Event()

    def take(self, event: Received) -> None:
        self.events.append(event)
        if event.event == "session_initialized":
            self.run_id = event.data["run_id"]
        self._more.set()
        self._more = anyio.Event()

    async def until(self, name: str, count: int = 1) -> Received:
        while names(self.events).count(name) < count:
            await self._more.wait()
        return [event for event in self.events if event.event == name][count - 1]


@asynccontextmanager
async def reading(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> AsyncIterator[Reading]:
    """Start a run and read it while the block goes on; leaving the block waits for the stream's end."""
    reader = Reading()
    begun = anyio.Event()

    async def read() -> None:
        headers = {"Accept": "text/event-stream"}
        async with client.stream("POST", path, json=body, headers=headers, timeout=20) as response:
            assert response.status_code == 200, await response.aread()
            begun.set()
            async for event in events_of(response):
                reader.take(event)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(read)
        await begun.wait()
        await reader.until("session_initialized")
        yield reader


async def asked(client: httpx.AsyncClient, run_id: str, verb: str, body: Any = None) -> dict[str, Any]:
    response = await client.post(f"/api/runs/{run_id}/{verb}", json=body)
    assert response.status_code == 200, response.text
    run: dict[str, Any] = response.json()
    return run


async def state_is(client: httpx.AsyncClient, run_id: str, *wanted: str) -> dict[str, Any]:
    """The run as soon as it is in one of the states."""
    while True:
        run: dict[str, Any] = (await client.get(f"/api/runs/{run_id}")).json()
        if run["state"] in wanted:
            return run
        await anyio.sleep(0.02)


async def is_put_aside(server: LiveServer, client: httpx.AsyncClient, run_id: str, state: str) -> None:
    """Nobody executes it any more."""
    await state_is(client, run_id, state)
    await server.app.state.runs._engine._executor.idle()


async def test_a_paused_run_tells_nothing_until_it_is_resumed(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    first, rest = anyio.Event(), anyio.Event()
    chat_wire.queue(answer("One ", first, "two ", rest, "three."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("message_delta")
        paused = await asked(client, reader.run_id, "pause")
        again = await asked(client, reader.run_id, "pause")
        await reader.until("paused")
        first.set()
        told = len(reader.events)
        resumed = await asked(client, reader.run_id, "resume")
        await reader.until("resumed")
        rest.set()

    assert (paused["state"], again["state"], resumed["state"]) == ("paused", "paused", "running")
    assert reader.events[told].event == "resumed"
    assert names(reader.events).count("paused") == names(reader.events).count("resumed") == 1
    assert text(reader.events) == only(reader.events, "message").data["content"] == "One two three."
    assert reader.events[-1].event == "completed"
    assert [event.id for event in reader.events] == list(range(1, len(reader.events) + 1))


@pytest.mark.parametrize("options", [{"run_lease": 300.0}], ids=["seldom looked for"])
@pytest.mark.parametrize(("verb", "end"), [("resume", "completed"), ("cancel", "cancelled")])
async def test_what_is_asked_while_a_run_is_just_put_aside_is_done_at_once(
    server: LiveServer,
    client: httpx.AsyncClient,
    chat_wire: ChatWire,
    monkeypatch: pytest.MonkeyPatch,
    verb: str,
    end: str,
) -> None:
    engine = server.app.state.runs._engine
    records, hear = engine._executor._records, engine.asked
    park, is_parked, is_asked = records.park, anyio.Event(), anyio.Event()

    async def slowly(*arguments: Any) -> bool:
        parked: bool = await park(*arguments)
        is_parked.set()
        await is_asked.wait()
        return parked

    def heard(*arguments: Any, **options: Any) -> None:
        hear(*arguments, **options)
        is_asked.set()

    monkeypatch.setattr(records, "park", slowly)
    rest = anyio.Event()
    chat_wire.queue(answer("Before", rest, " and after."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("message_delta")
        await asked(client, reader.run_id, "pause")
        await reader.until("paused")
        rest.set()
        await is_parked.wait()
        monkeypatch.setattr(engine, "asked", heard)
        await asked(client, reader.run_id, verb)

    assert reader.events[-1].event == end


async def test_what_came_while_a_run_was_put_aside_is_told_when_it_is_resumed(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    rest = anyio.Event()
    chat_wire.queue(answer("One ", rest, "two.", Call("create_todo", {"item": "milk"})), answer("Done."))
    async with reading(client, TODO, said("go")) as reader:
        await reader.until("message_delta")
        await asked(client, reader.run_id, "pause")
        await reader.until("paused")
        rest.set()
        await is_put_aside(server, client, reader.run_id, "paused")
        told = len(reader.events)
        requests = len(chat_wire.requests)
        todos = (await client.get("/api/todos")).json()["total"]
        await asked(client, reader.run_id, "resume")

    assert (requests, todos) == (1, 0)
    assert reader.events[told].event == "resumed"
    assert "superseded" not in names(reader.events)
    assert [e.data["content"] for e in reader.events if e.event == "message"] == ["One two.", "Done."]
    assert text(reader.events) == "One two.Done."
    assert len(chat_wire.requests) == 2
    assert reader.events[-2].data["usage"]["input_tokens"] == 20
    run = (await client.get(f"/api/runs/{reader.run_id}")).json()
    assert (run["state"], run["attempt"]) == ("completed", 2)


@pytest.mark.parametrize("options", [{"pause_hold": 0.2}])
async def test_a_call_that_outlasts_the_hold_is_cut_billed_and_made_again(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", "two ", ending=Ending.STALL), answer("Another answer."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("message_delta")
        await asked(client, reader.run_id, "pause")
        await chat_wire.requests[0].hung_up.wait()
        await is_put_aside(server, client, reader.run_id, "paused")
        await asked(client, reader.run_id, "resume")

    kinds = names(reader.events)
    superseded = only(reader.events, "superseded")
    assert kinds.index("paused") < kinds.index("resumed") < kinds.index("superseded")
    assert superseded.data["from_seq"] == next(e.id for e in reader.events if e.event == "message_delta")
    assert (superseded.data["attempt"], superseded.data["reason"]) == (2, "paused")
    assert only(reader.events, "message").data["content"] == "Another answer."
    usages = [event.data for event in reader.events if event.event == "usage"]
    assert [usage["source"] for usage in usages] == ["estimated", "provider"]
    assert reader.events[-1].data["usage"]["input_tokens"] == sum(usage["input_tokens"] for usage in usages)


async def test_a_paused_run_can_be_cancelled(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    rest = anyio.Event()
    chat_wire.queue(answer("One ", rest, "two."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("message_delta")
        await asked(client, reader.run_id, "pause")
        await reader.until("paused")
        rest.set()
        await is_put_aside(server, client, reader.run_id, "paused")
        run = await asked(client, reader.run_id, "cancel", {"mode": "after_turn"})

    assert run["state"] == "cancelled"
    assert reader.events[-1].event == "cancelled"
    assert text(reader.events) == only(reader.events, "message").data["content"]


@pytest.mark.parametrize("options", [{"pause_limit": 0.2, "run_lease": 0.3}])
async def test_a_run_that_is_paused_for_too_long_ends_cancelled(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One ", "two."))
    async with reading(client, CHAT, said("go")) as reader:
        await asked(client, reader.run_id, "pause")

    assert reader.events[-1].event in {"cancelled", "completed"}
    run = (await client.get(f"/api/runs/{reader.run_id}")).json()
    assert run["state"] == reader.events[-1].event


async def test_cancelling_after_the_turn_lets_its_tools_finish(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    rest = anyio.Event()
    chat_wire.queue(answer("I add it. ", rest, Call("create_todo", {"item": "milk"})), answer("Done."))
    async with reading(client, TODO, said("go")) as reader:
        await reader.until("message_delta")
        first = await asked(client, reader.run_id, "cancel", {"mode": "after_turn"})
        rest.set()

    assert first["state"] == "running"
    assert only(reader.events, "tool_result").data["output"]["item"] == "milk"
    cancelled = only(reader.events, "cancelled")
    assert cancelled.data["upstream_closed"] is False
    assert cancelled.data["partial_message"] == "I add it. "
    assert len(chat_wire.requests) == 1
    assert (await client.get("/api/todos")).json()["total"] == 1


async def test_cancelling_at_once_tells_whether_the_providers_connection_was_closed(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("message_delta")
        await asked(client, reader.run_id, "cancel")

    await chat_wire.requests[0].hung_up.wait()
    assert reader.events[-1].data["upstream_closed"] is True


async def test_control_of_a_run_that_has_ended_changes_nothing(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("completed")

    for verb in ("pause", "resume", "cancel"):
        assert (await asked(client, reader.run_id, verb))["state"] == "completed"
    assert len(await followed(client, reader.run_id)) == len(reader.events)


async def test_nobody_controls_the_run_of_another(
    client: httpx.AsyncClient, sign_up: SignUp, chat_wire: ChatWire
) -> None:
    other = await sign_up()
    rest = anyio.Event()
    chat_wire.queue(answer("One ", rest, "two."))
    async with reading(client, CHAT, said("go")) as reader:
        run = f"/api/runs/{reader.run_id}"
        refused = [
            await other.post(f"{run}/pause"),
            await other.post(f"{run}/resume"),
            await other.post(f"{run}/cancel"),
            await other.post(f"{run}/approvals/x", json={"approve": True}),
            await other.post(f"{run}/input", json={"input_id": "x", "content": "y"}),
            await other.post("/api/v1/chat/stream/pause", json={"stream_id": reader.run_id}),
            await other.delete(f"/api/v1/chat/stream/{reader.run_id}"),
        ]
        rest.set()

    assert {(r.status_code, r.json()["code"]) for r in refused} == {(404, "run_not_found")}
    assert reader.events[-1].event == "completed"


async def test_the_chat_routes_control_a_stream_by_its_runs_id(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One ", ending=Ending.STALL))
    async with reading(client, "/api/v1/chat/stream", said("go")) as reader:
        assert reader.events[0].data["agent"] == "chat"
        await reader.until("message_delta")
        stream = {"stream_id": reader.run_id}
        paused = await client.post("/api/v1/chat/stream/pause", json=stream)
        await reader.until("paused")
        resumed = await client.post("/api/v1/chat/stream/resume", json=stream)
        await reader.until("resumed")
        stopped = await client.delete(f"/api/v1/chat/stream/{reader.run_id}")

    assert [r.json()["state"] for r in (paused, resumed, stopped)] == ["paused", "running", "cancelled"]
    assert reader.events[-1].event == "cancelled"


# Answers


async def an_agent(client: httpx.AsyncClient, **members: Any) -> str:
    body = {"name": "careful", "instructions": "Ask first.", **members}
    made = await client.post("/api/agents", json=body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def add_milk(seen: Seen) -> Script:
    told = [message for message in seen.messages if message["role"] == "tool"]
    if not told:
        return answer("May I? ", Call("create_todo", {"item": "milk", "tags": [], "description": f"key {KEY}"}))
    return answer(f"The tool said: {told[-1]['content']}")


async def test_a_tool_call_waits_for_its_approval(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.default = add_milk
    agent = await an_agent(client, tools=["create_todo"], approve=["create_todo"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        asks = await reader.until("approval_requested")
        await is_put_aside(server, client, reader.run_id, "waiting")
        before = (await client.get("/api/todos")).json()["total"]
        path = f"approvals/{asks.data['approval_id']}"
        answered = await asked(client, reader.run_id, path, {"approve": True})
        again = await asked(client, reader.run_id, path, {"approve": True})
        other = await client.post(f"/api/runs/{reader.run_id}/{path}", json={"approve": False})

    assert before == 0
    assert answered["state"] == "running"
    assert again["state"] in {"running", "completed"}
    assert (other.status_code, other.json()["code"]) == (409, "already_answered")
    assert asks.data["tool_name"] == "create_todo"
    assert asks.data["tool_call_id"] == only(reader.events, "tool_call").data["tool_call_id"]
    assert names(reader.events).count("approval_requested") == 1
    assert reader.events[-1].event == "completed"
    assert "superseded" not in names(reader.events)
    assert (await client.get("/api/todos")).json()["total"] == 1


async def test_a_call_that_is_not_approved_does_not_happen_and_the_model_hears_why(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.default = add_milk
    agent = await an_agent(client, tools=["create_todo"], approve=["*"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        asks = await reader.until("approval_requested")
        await state_is(client, reader.run_id, "waiting")
        body = {"approve": False, "reason": "I have enough milk."}
        await asked(client, reader.run_id, f"approvals/{asks.data['approval_id']}", body)

    result = only(reader.events, "tool_result").data
    assert result["is_error"] is True
    assert result["output"] == {"error": "not_approved", "detail": "I have enough milk."}
    assert "I have enough milk." in text(reader.events)
    assert (await client.get("/api/todos")).json()["total"] == 0


async def test_several_approvals_are_asked_at_once_and_the_rest_of_the_turn_goes_on(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    calls = [Call("create_todo", {"item": "milk"}), Call("create_todo", {"item": "bread"}), Call("get_todo_list", {})]
    chat_wire.queue(answer(*calls), answer("Done."))
    agent = await an_agent(client, tools=["create_todo", "get_todo_list"], approve=["create_todo"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        await reader.until("approval_requested", 2)
        await state_is(client, reader.run_id, "waiting")
        listed = names(reader.events).count("tool_result")
        asks = [event.data["approval_id"] for event in reader.events if event.event == "approval_requested"]
        one = await asked(client, reader.run_id, f"approvals/{asks[0]}", {"approve": True})
        both = await asked(client, reader.run_id, f"approvals/{asks[1]}", {"approve": False})

    assert listed == 1
    assert (one["state"], both["state"]) == ("waiting", "running")
    assert names(reader.events).count("approval_requested") == 2
    assert (await client.get("/api/todos")).json()["total"] == 1
    assert reader.events[-1].event == "completed"


async def test_an_approval_survives_a_restart_and_holds_no_key(
    settings: Settings, chat_wire: ChatWire, sign_up: SignUp
) -> None:
    chat_wire.default = add_milk
    client = await sign_up()
    agent = await an_agent(client, tools=["create_todo"], approve=["*"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        asks = await reader.until("approval_requested")
        run = await state_is(client, reader.run_id, "waiting")
        changed = settings.model_copy(update={"default_model": "openai/fake"})
        async with live_server(changed, registry=registry_of(chat_wire)) as second:
            client.base_url = httpx.URL(second.url)
            await asked(client, run["id"], f"approvals/{asks.data['approval_id']}", {"approve": True})
            events = await followed(client, run["id"])

    assert events[-1].event == "completed"
    assert KEY not in str(asks.data)
    assert "[REDACTED]" in asks.data["arguments"]["description"]
    assert names(events) == names(reader.events)


async def test_an_unknown_question_is_not_found(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("One."))
    async with reading(client, CHAT, said("go")) as reader:
        await reader.until("completed")

    unknown = await client.post(f"/api/runs/{reader.run_id}/approvals/nothing", json={"approve": True})
    bad = await client.post(f"/api/runs/{reader.run_id}/approvals/nothing", json={"approve": "perhaps"})

    assert (unknown.status_code, unknown.json()["code"]) == (404, "question_not_found")
    assert bad.status_code in {400, 422}


async def test_an_agent_asks_its_user_and_goes_on_with_the_answer(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    def ask(seen: Seen) -> Script:
        told = [message for message in seen.messages if message["role"] == "tool"]
        return answer(f"You said {told[-1]['content']}") if told else answer(Call("ask_user", {"prompt": "Which day?"}))

    chat_wire.default = ask
    agent = await an_agent(client, tools=["ask_user"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        asks = await reader.until("input_requested")
        await state_is(client, reader.run_id, "waiting")
        body = {"input_id": asks.data["input_id"], "content": "Friday"}
        await asked(client, reader.run_id, "input", body)

    assert asks.data["prompt"] == "Which day?"
    assert "Friday" in text(reader.events)
    assert reader.events[-1].event == "completed"


async def test_an_agent_used_as_a_tool_asks_for_approval_too(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    def script(seen: Seen) -> Script:
        told = any(message["role"] == "tool" for message in seen.messages)
        if "inner" in seen.messages[0]["content"]:
            return answer("It is kept.") if told else answer(Call("create_todo", {"item": "milk"}))
        return answer("He says yes.") if told else answer(Call("ask_keeper", {"input": "Keep milk"}))

    chat_wire.default = script
    inner = await an_agent(
        client, name="keeper", instructions="You are inner.", tools=["create_todo"], approve=["create_todo"]
    )
    outer = await an_agent(client, agent_tools=[inner])
    async with reading(client, f"/api/agents/{outer}/invoke", said("go")) as reader:
        asks = await reader.until("approval_requested")
        await state_is(client, reader.run_id, "waiting")
        await asked(client, reader.run_id, f"approvals/{asks.data['approval_id']}", {"approve": True})

    results = [event.data for event in reader.events if event.event == "tool_result"]
    assert [result["tool_name"] for result in results] == ["create_todo", "ask_keeper"]
    assert results[1]["output"] == {"answer": "It is kept."}
    assert text(reader.events) == "He says yes."
    assert len(chat_wire.requests) == 4


async def test_an_agent_used_as_a_tool_that_fails_is_an_answer_to_its_caller(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    def script(seen: Seen) -> Script:
        if "inner" in seen.messages[0]["content"]:
            return answer("Half an ", ending=Ending.DROP)
        told = any(message["role"] == "tool" for message in seen.messages)
        return answer("It did not work.") if told else answer(Call("ask_keeper", {"input": "Keep milk"}))

    chat_wire.default = script
    inner = await an_agent(client, name="keeper", instructions="You are inner.")
    outer = await an_agent(client, agent_tools=[inner])
    async with reading(client, f"/api/agents/{outer}/invoke", said("go")) as reader:
        await reader.until("tool_call")

    result = only(reader.events, "tool_result").data
    assert result["is_error"] is True
    assert result["output"]["error"] == "provider_unavailable"
    assert text(reader.events) == "It did not work."
    used = [e.data["source"] for e in reader.events if e.event == "usage"]
    assert used == ["provider", *["estimated"] * 3, "provider"]  # what nobody sees is asked for three times
    assert reader.events[-1].event == "completed"


async def test_a_waiting_run_can_be_cancelled(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.default = add_milk
    agent = await an_agent(client, tools=["create_todo"], approve=["*"])
    async with reading(client, f"/api/agents/{agent}/invoke", said("go")) as reader:
        asks = await reader.until("approval_requested")
        await state_is(client, reader.run_id, "waiting")
        run = await asked(client, reader.run_id, "cancel")

    late = await client.post(f"/api/runs/{reader.run_id}/approvals/{asks.data['approval_id']}", json={"approve": True})
    assert run["state"] == "cancelled"
    assert reader.events[-1].event == "cancelled"
    assert late.json()["code"] == "question_not_found"
    assert (await client.get("/api/todos")).json()["total"] == 0
