"""What a run does when its provider fails: it asks again, asks another model, or can be continued."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.streams import events_of, followed, names, only, said, streamed, text
from tests.wires.chat import ChatWire
from tests.wires.script import Ending, Reasoning, Script, answer, raw, refusal

CHAT = "/api/agents/chat/invoke"
STREAM = {"Accept": "text/event-stream"}


@pytest.fixture
def registry(chat_wire: ChatWire) -> Registry:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    return Registry({"openai": own})


@pytest.fixture
async def server(settings: Settings, registry: Registry) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=registry) as running:
        yield running


def models_of(wire: ChatWire) -> list[str]:
    return [seen.body["model"] for seen in wire.requests]


async def broken_off(client: httpx.AsyncClient, wire: ChatWire, session: str = "s") -> str:
    """The id of a run that broke off in the middle of its answer."""
    wire.queue(answer("Once upon a", ending=Ending.DROP))
    return str((await streamed(client, CHAT, said("Tell me", session_id=session)))[0].data["run_id"])


async def test_a_call_that_fails_before_anything_was_said_is_made_again(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(refusal(503), raw(b"", ending=Ending.DROP), answer("Here I am."))

    events = await streamed(client, CHAT, said("Hi"))

    again = [event.data for event in events if event.event == "retrying"]
    assert [(each["reason"], each["try"], each["model"]) for each in again] == [
        ("overloaded", 2, "openai/fake"),
        ("cut", 3, "openai/fake"),
    ]
    assert all(0 <= each["delay_ms"] <= 1000 for each in again)
    assert "superseded" not in names(events)
    assert text(events) == "Here I am."
    assert events[-1].data["final_message"] == "Here I am."


async def test_what_was_thought_aloud_before_a_cut_is_void(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(
        answer(Reasoning("Let me think"), ending=Ending.DROP), answer(Reasoning("Now I know"), "Yes.", usage=(10, 5))
    )

    events = await streamed(client, CHAT, said("Well?", session_id="s"))

    first = next(event for event in events if event.event == "reasoning_delta")
    void = only(events, "superseded")
    assert (void.data["from_seq"], void.data["reason"]) == (first.id, "retrying")
    assert void.id == (only(events, "retrying").id or 0) + 1
    shown = "".join(e.data["content"] for e in events if e.event == "reasoning_delta" and (e.id or 0) > (void.id or 0))
    assert (shown, text(events)) == ("Now I know", "Yes.")
    assert [e.data["source"] for e in events if e.event == "usage"] == ["estimated", "provider"]
    assert events[-1].data["usage"]["output_tokens"] > 5
    assert await followed(client, events[0].data["run_id"]) == events


async def test_the_wait_is_the_providers_and_a_cancel_does_not_wait(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(refusal(429, retry_after="20"))

    async with client.stream("POST", CHAT, json=said("Hi"), headers=STREAM) as response:
        events = []
        async for event in events_of(response):
            events.append(event)
            if event.event == "retrying":
                assert 20_000 <= event.data["delay_ms"] <= 20_500
                with anyio.fail_after(3):
                    await client.post(f"/api/runs/{events[0].data['run_id']}/cancel")

    assert events[-1].event == "cancelled"
    assert len(chat_wire.requests) == 1


async def test_a_paused_run_does_not_ask_again_before_it_is_resumed(
    server: LiveServer, client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(refusal(429, retry_after="0.2"))

    async with client.stream("POST", CHAT, json=said("Hi"), headers=STREAM) as response:
        events = []
        async for event in events_of(response):
            events.append(event)
            run = f"/api/runs/{events[0].data['run_id']}"
            if event.event == "retrying":
                await client.post(f"{run}/pause")
            elif event.event == "paused":
                await server.app.state.runs._engine._executor.idle()  # it was put aside
                assert len(chat_wire.requests) == 1
                await client.post(f"{run}/resume")

    assert text(events) == "You said: Hi"
    assert events[-1].event == "completed"
    assert len(chat_wire.requests) == 2


async def test_an_agents_next_model_is_asked_where_the_first_cannot_be(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    models = ["anthropic/nobody-has-a-key", "openai/second"]
    new = {"name": "a", "model": "openai/first", "fallback_models": models}
    agent = (await client.post("/api/agents", json=new)).json()
    chat_wire.when(lambda seen: seen.body["model"] == "first", refusal(404))

    events = await streamed(client, f"/api/agents/{agent['id']}/invoke", said("Hi"))

    assert agent["fallback_models"] == models
    again = only(events, "retrying").data
    assert again == {"reason": "not_found", "try": 2, "delay_ms": 0, "model": "openai/second"}
    assert models_of(chat_wire) == ["first", "second"]
    assert events[-1].event == "completed"


async def test_fallback_models_can_be_changed_and_must_be_names_of_models(client: httpx.AsyncClient) -> None:
    agent = (await client.post("/api/agents", json={"name": "a", "fallback_models": ["demo/todo"]})).json()
    path = f"/api/agents/{agent['id']}"

    changed = await client.patch(path, json={"fallback_models": []})
    bad = await client.patch(path, json={"fallback_models": ["nonsense"]})
    many = await client.post("/api/agents", json={"name": "b", "fallback_models": ["demo/todo"] * 6})

    assert changed.json()["fallback_models"] == []
    assert (bad.status_code, many.status_code) == (422, 422)


async def test_a_provider_that_fails_several_users_is_left_alone(
    sign_up: SignUp, chat_wire: ChatWire, registry: Registry
) -> None:
    chat_wire.default = lambda _: refusal(500)
    users = [await sign_up() for _ in range(4)]
    await streamed(users[0], CHAT, said("Hi"))
    assert registry.health() == {"openai": "closed"}
    for user in users[1:3]:
        await streamed(user, CHAT, said("Hi"))
    asked = len(chat_wire.requests)

    events = await streamed(users[3], CHAT, said("Hi"))

    assert registry.health() == {"openai": "open"}
    ready = await users[3].get("/health/ready")
    assert (ready.status_code, ready.json()["providers"]) == (200, {"openai": "open"})
    assert len(chat_wire.requests) == asked
    error = only(events, "error").data
    assert (error["code"], error["retryable"]) == ("provider_unavailable", True)
    assert "retrying" not in names(events)


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "Streaming is not supported for this model."}},
        {"error": {"message": "You must be verified to do so.", "param": "stream"}},
        {"detail": "This deployment doesn't support stream"},
    ],
)
async def test_a_provider_that_refuses_to_stream_is_asked_for_the_whole_answer(
    client: httpx.AsyncClient, chat_wire: ChatWire, body: dict[str, Any]
) -> None:
    message = {"role": "assistant", "content": "All at once."}
    whole = {
        "id": "c",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    chat_wire.queue(refusal(400, body), refusal(200, whole))

    events = await streamed(client, CHAT, said("Hi"))

    first, second = (seen.body for seen in chat_wire.requests)
    assert (first["stream"], second["stream"]) == (True, False)
    assert "stream_options" not in second
    assert text(events) == "All at once."
    assert events[-1].data["usage"]["output_tokens"] == 4


async def test_a_request_that_is_refused_for_something_else_is_not_sent_twice(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(refusal(400, {"error": {"message": "stream_options is not supported"}}))

    events = await streamed(client, CHAT, said("Hi"))

    assert events[-1].event == "error"
    assert len(chat_wire.requests) == 1


async def test_a_run_that_broke_off_is_continued_by_another_one(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    run_id = await broken_off(client, chat_wire)
    chat_wire.queue(answer(" time."))

    events = await streamed(client, f"/api/runs/{run_id}/continue", {})

    *_, partial, instruction = chat_wire.requests[-1].messages
    assert (partial["role"], partial["content"]) == ("assistant", "Once upon a")
    assert "Continue" in instruction["content"]
    assert events[0].data["session_id"] == "s"
    assert events[0].data["run_id"] != run_id
    assert events[-1].data["final_message"] == " time."
    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [entry["role"] for entry in history] == ["user", "assistant", "user", "assistant"]


async def test_a_continuation_is_answered_as_every_start_is_and_begun_once(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    path = f"/api/runs/{await broken_off(client, chat_wire)}/continue"
    key = {"Idempotency-Key": "once"}

    accepted = await client.post(path, headers={"Prefer": "respond-async", **key})
    awaited = await client.post(path, json={"include": []}, headers=key, timeout=15)
    with_history = await client.post(path, json={"include": ["history"]}, headers=key)

    assert (accepted.status_code, awaited.status_code) == (202, 200)
    assert accepted.json()["id"] == awaited.json()["id"]
    assert awaited.headers["Location"] == f"/api/runs/{awaited.json()['id']}"
    assert awaited.json()["state"] == "completed"
    assert with_history.json()["code"] == "idempotency_key_reused"


async def test_only_a_sessions_last_run_that_broke_off_can_be_continued(
    client: httpx.AsyncClient, sign_up: SignUp, chat_wire: ChatWire
) -> None:
    broken = await broken_off(client, chat_wire)
    completed = (await streamed(client, CHAT, said("Hi", session_id="s")))[0].data["run_id"]
    silent = await fails_at_once(client, chat_wire, refusal(401))

    refused = [await client.post(f"/api/runs/{run}/continue") for run in (broken, completed, silent)]
    foreign = await (await sign_up()).post(f"/api/runs/{broken}/continue")

    assert [(r.status_code, r.json()["code"]) for r in refused] == [(409, "run_not_continuable")] * 3
    assert (foreign.status_code, foreign.json()["code"]) == (404, "run_not_found")


async def fails_at_once(client: httpx.AsyncClient, wire: ChatWire, script: Script) -> str:
    wire.queue(script)
    return str((await streamed(client, CHAT, said("Hi")))[0].data["run_id"])
