"""Runs whose model speaks the messages wire: what it thought goes back to it, through tools, handoffs and days."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.streams import names, only, said, streamed, text
from tests.wires.anthropic import Redacted, Thought, answer, base_url, last_words
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Call

TODO = "/api/todos/agent-create/stream"
OLD, NEW = "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-5-5"


@pytest.fixture
async def server(settings: Settings, anthropic_wire: ChatWire, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    """Headgate with both providers as the operator's own, by its settings."""
    own = {
        "anthropic_api_key": SecretStr("sk-ant-0123456789"),
        "anthropic_base_url": base_url(anthropic_wire),
        "openai_api_key": SecretStr("sk-test-0123456789"),
        "openai_base_url": chat_wire.url,
        "default_model": OLD,
    }
    async with live_server(settings.model_copy(update=own)) as running:
        yield running


def blocks(seen: Seen) -> list[dict[str, Any]]:
    """What the assistant has said so far, as it was sent."""
    return [block for message in seen.messages if message["role"] == "assistant" for block in message["content"]]


def kinds(seen: Seen) -> list[str]:
    return [block["type"] for block in blocks(seen)]


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_thoughts_go_back_with_the_results_of_the_calls_they_led_to(
    client: httpx.AsyncClient, anthropic_wire: ChatWire, model: str
) -> None:
    anthropic_wire.queue(
        answer(
            Thought("A todo, then.", "sig-1"), Redacted("hidden"), "Let me. ", Call("create_todo", {"item": "milk"})
        ),
        answer(Thought("Is it there?", "sig-2"), Call("list_todos")),
        answer(Thought("", "sig-3"), "It is noted.", usage=(30, 7)),
    )

    events = await streamed(client, TODO, said("add milk", model=model))

    assert [todo["item"] for todo in (await client.get("/api/todos")).json()["items"]] == ["milk"]
    reasoning = "".join(event.data["content"] for event in events if event.event == "reasoning_delta")
    assert (reasoning, text(events)) == ("A todo, then.Is it there?", "Let me. It is noted.")
    assert names(events)[-2:] == ["completed", "history"]
    second, third = anthropic_wire.requests[1:]
    assert kinds(second) == ["thinking", "redacted_thinking", "text", "tool_use"]
    assert blocks(third)[:4] == blocks(second)
    assert kinds(third)[4:] == ["thinking", "tool_use"]
    assert blocks(third)[0] == {"type": "thinking", "thinking": "A todo, then.", "signature": "sig-1"}
    assert blocks(third)[1] == {"type": "redacted_thinking", "data": "hidden"}
    (result,) = second.messages[-1]["content"]
    assert (result["type"], result["tool_use_id"]) == ("tool_result", blocks(second)[3]["id"])
    assert "milk" in result["content"]


async def test_the_next_run_of_a_session_sends_the_thoughts_of_the_last(
    client: httpx.AsyncClient, anthropic_wire: ChatWire
) -> None:
    anthropic_wire.queue(
        answer(Thought("Hm.", "sig-1"), Call("create_todo", {"item": "milk"})),
        answer(Thought("", "sig-2"), "It is noted."),
        answer("You have milk."),
    )
    await streamed(client, TODO, said("add milk", session_id="s"))

    events = await streamed(client, TODO, said("what have I got?", session_id="s"))

    last = anthropic_wire.requests[2]
    assert [message["role"] for message in last.messages] == ["user", "assistant", "user", "assistant", "user"]
    assert kinds(last) == ["thinking", "tool_use", "thinking", "text"]
    assert [block["signature"] for block in blocks(last) if block["type"] == "thinking"] == ["sig-1", "sig-2"]
    assert last_words(last) == "what have I got?"
    assert only(events, "completed").data["final_message"] == "You have milk."


async def test_what_a_later_run_says_changes_nothing_of_what_was_said_before(
    client: httpx.AsyncClient, anthropic_wire: ChatWire
) -> None:
    """So its model gets its thoughts back, though it refuses those before which anything has changed."""
    anthropic_wire.queue(
        answer(Thought("Hm.", "sig-1"), "Hello."), answer(Thought("So.", "sig-2"), Call("list_todos")), answer("None.")
    )
    await streamed(client, TODO, said("hi", session_id="s", model=NEW))

    await streamed(client, TODO, said("what have I got?", session_id="s", model=NEW))

    first, second, third = anthropic_wire.requests
    assert first.body["system"] == second.body["system"]
    assert second.messages[0] == first.messages[0]
    assert [part["text"].partition(": ")[0] for part in second.messages[2]["content"]] == [
        "Current time",
        "what have I got?",
    ]
    assert kinds(second) == ["thinking", "text"]
    assert blocks(third)[-2] == {"type": "thinking", "thinking": "So.", "signature": "sig-2"}


async def test_another_provider_is_not_sent_the_thoughts(
    client: httpx.AsyncClient, anthropic_wire: ChatWire, chat_wire: ChatWire
) -> None:
    anthropic_wire.queue(answer(Thought("Hm.", "sig-1"), "Hello."), answer("And back."))
    await streamed(client, TODO, said("hi", session_id="s"))

    await streamed(client, TODO, said("who are you?", session_id="s", model="openai/fake"))
    await streamed(client, TODO, said("and you?", session_id="s"))

    assert "sig-1" not in str(chat_wire.requests[0].body)
    assert [message["role"] for message in chat_wire.requests[0].messages] == ["system", "user", "assistant", "user"]
    assert kinds(anthropic_wire.requests[1]) == ["thinking", "text", "text"]


@pytest.mark.parametrize("model", [OLD, NEW])
async def test_an_agent_that_takes_over_gets_what_it_may(
    client: httpx.AsyncClient, anthropic_wire: ChatWire, model: str
) -> None:
    poet = (await client.post("/api/agents", json={"name": "Poet", "instructions": "Rhyme."})).json()["id"]
    boss = await client.post("/api/agents", json={"name": "Boss", "instructions": "Delegate.", "handoffs": [poet]})
    anthropic_wire.queue(answer(Thought("Not mine.", "sig-1"), Call("transfer_to_poet")), answer("Roses are red."))

    events = await streamed(client, f"/api/agents/{boss.json()['id']}/invoke", said("a poem", model=model))

    assert only(events, "completed").data["final_message"] == "Roses are red."
    taken_over = anthropic_wire.requests[1]
    assert kinds(taken_over) == (["thinking", "tool_use"] if model == OLD else ["tool_use"])
    # The poet has no tools, but what is called must be known.
    assert [tool["name"] for tool in taken_over.body["tools"]] == ["transfer_to_poet"]
    assert taken_over.body["tool_choice"] == {"type": "none"}
