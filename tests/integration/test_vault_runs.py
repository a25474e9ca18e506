"""Runs with their users' own keys, out of the vault: on every wire, on every node, until one is taken away."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import anyio
import pytest

from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.owners import ON_SQLITE, People, Person, with_vault
from tests.streams import names, only, said, streamed
from tests.wires import anthropic, bedrock, responses
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Call, Script, answer, refusal

CHAT = "/api/agents/chat/invoke"
KEYS = {
    "openai": {"value": "sk-of-ada-0123456789-openai"},
    "openai_responses": {"value": "sk-of-ada-0123456789-responses"},
    "anthropic": {"value": "sk-ant-of-ada-0123456789"},
    "bedrock": {"value": "of-ada-0123456789-bedrock", "region": "us-east-1"},
}
TEMPORARY = {"access_key_id": "ASIA" + "7" * 16, "session_token": "IQoJ" + "t0/K" * 50, "region": "us-east-1"}


def fits_path(seen: Seen) -> Script:
    """OpenAI's two APIs share an address."""
    return responses.answer("Hello.") if seen.path.endswith("/responses") else answer("Hello.")


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(with_vault(settings)) as running:
        yield running


@pytest.fixture
async def people(server: LiveServer) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(server, stack)


async def asks(person: Person, words: str = "Hello?", **members: Any) -> list[Any]:
    return await streamed(person.client, CHAT, said(words, **{"model": "openai/m", **members}))


async def seen_of(person: Person, secret_id: str) -> tuple[dict[str, Any], dict[str, Any], list[dict[str, Any]]]:
    address = f"/api/secrets/{secret_id}"
    view, usage, audit = [(await person.client.get(address + path)).json() for path in ("", "/usage", "/audit")]
    return view, usage, [entry for entry in audit["items"] if entry["action"] in {"use", "refuse"}]


async def test_a_run_calls_each_wire_with_its_users_key_and_that_is_told(
    people: People, chat_wire: ChatWire, anthropic_wire: ChatWire, bedrock_wire: ChatWire
) -> None:
    ada = await people.new()
    chat_wire.default = fits_path
    places = {
        "openai": (chat_wire, chat_wire.url),
        "openai_responses": (chat_wire, chat_wire.url),
        "anthropic": (anthropic_wire, anthropic.base_url(anthropic_wire)),
        "bedrock": (bedrock_wire, bedrock.base_url(bedrock_wire)),
    }
    for provider, key in KEYS.items():
        wire, url = places[provider]
        secret_id = await ada.stores(url, provider=provider, **key)

        events = await asks(ada, model=f"{provider}/m")

        assert (provider, names(events)[-1]) == (provider, "completed")
        assert key["value"] in str(wire.requests[-1].headers)
        view, usage, audit = await seen_of(ada, secret_id)
        run_id = only(events, "session_initialized").data["run_id"]
        assert (view["last_used_by"], view["last_used_at"]) == (run_id, audit[0]["at"])
        assert [(entry["action"], entry["run_id"]) for entry in audit] == [("use", run_id)]
        [day] = usage["items"]
        told = only(events, "usage").data
        assert (day["requests"], day["errors"], usage["last_error"]) == (1, 0, None)
        assert (day["input_tokens"], day["output_tokens"]) == (told["input_tokens"], told["output_tokens"])


@ON_SQLITE
async def test_a_temporary_key_of_aws_goes_with_its_session_token_and_neither_is_said(
    people: People, bedrock_wire: ChatWire
) -> None:
    ada = await people.new()
    bedrock_wire.default = lambda seen: bedrock.answer("It is ", seen.headers["x-amz-security-token"], ".")
    secret_id = await ada.stores(bedrock.base_url(bedrock_wire), "s3cr" * 10, provider="bedrock", **TEMPORARY)

    verified = await ada.client.post(f"/api/secrets/{secret_id}/verify")
    events = await asks(ada, model="bedrock/m", secret_id=secret_id)

    assert verified.json() == {"answer": "valid"}
    assert {seen.headers["x-amz-security-token"] for seen in bedrock_wire.requests} == {TEMPORARY["session_token"]}
    assert only(events, "message").data["content"] == "It is [REDACTED]."


async def test_a_deleted_key_ends_new_calls_and_lets_the_answer_finish(
    people: People, settings: Settings, chat_wire: ChatWire
) -> None:
    ada = await people.new()
    secret_id = await ada.stores(chat_wire.url)
    go_on = anyio.Event()
    chat_wire.queue(answer("Let me ", go_on, "see. ", Call("get_todo_list", {})))
    ended: list[Any] = []

    async with anyio.create_task_group() as tasks:

        async def run() -> None:
            ended.extend(await asks(ada, secret_id=secret_id))

        tasks.start_soon(run)
        await chat_wire.request()
        assert (await ada.client.delete(f"/api/secrets/{secret_id}")).status_code == 204
        go_on.set()

    again = await ada.client.post(CHAT, json=said("Hello?", model="openai/m", secret_id=secret_id))
    without = await ada.client.post(CHAT, json=said("Hello?", model="openai/m"))
    assert only(ended, "message").data["content"] == "Let me see. "
    assert (names(ended)[-1], ended[-1].data["code"]) == ("error", "secret_not_found")
    assert len(chat_wire.requests) == 1
    assert (again.status_code, again.json()["code"]) == (404, "secret_not_found")
    assert (without.status_code, without.json()["code"]) == (422, "credential_missing")


@ON_SQLITE
async def test_a_failed_call_is_counted_with_its_kind_and_a_cut_one_with_what_it_used(
    people: People, chat_wire: ChatWire
) -> None:
    ada = await people.new()
    secret_id = await ada.stores(chat_wire.url)
    chat_wire.queue(refusal(401), answer("Half an ", anyio.Event()))

    refused = await asks(ada, secret_id=secret_id)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asks, ada)
        await chat_wire.request(2)
        run = (await ada.client.get("/api/runs?state=active")).json()["items"][0]
        await ada.client.post(f"/api/runs/{run['id']}/cancel")

    usage: dict[str, Any] = {"items": [{"requests": 0}]}
    with anyio.fail_after(5):
        while usage["items"][0]["requests"] < 2:  # the call is counted when it ends, as its run does
            usage = (await ada.client.get(f"/api/secrets/{secret_id}/usage")).json()
    assert names(refused)[-1] == "error"
    assert (usage["items"][0]["requests"], usage["items"][0]["errors"]) == (2, 1)
    assert usage["last_error"] == "authentication"
    assert usage["items"][0]["input_tokens"] > 0


@ON_SQLITE
async def test_a_default_that_cannot_be_used_refuses_the_start(people: People, chat_wire: ChatWire) -> None:
    ada = await people.new()
    secret_id = await ada.stores(chat_wire.url)
    await ada.client.patch(f"/api/secrets/{secret_id}", json={"disabled": True})

    refused = await ada.client.post(CHAT, json=said("Hello?", model="openai/m"))
    listed = (await ada.client.get("/api/providers")).json()["items"]

    assert (refused.status_code, refused.json()["code"]) == (409, "secret_disabled")
    assert next(each for each in listed if each["provider"] == "openai")["usable"] is False
    assert chat_wire.requests == []


@ON_SQLITE
async def test_another_users_secret_is_none(people: People, chat_wire: ChatWire) -> None:
    ada, bob = await people.new(), await people.new()
    secret_id = await ada.stores(chat_wire.url)

    refused = await bob.client.post(CHAT, json=said("Hello?", model="openai/m", secret_id=secret_id))

    assert (refused.status_code, refused.json()["code"]) == (404, "secret_not_found")


@ON_SQLITE
async def test_a_sealed_server_refuses_what_needs_a_key_and_serves_the_rest(
    settings: Settings, server: LiveServer, people: People, chat_wire: ChatWire
) -> None:
    ada = await people.new()
    await ada.stores(chat_wire.url)
    sealed = with_vault(settings, master_key=None)

    async with live_server(sealed) as other:
        ada.client.base_url = other.url
        refused = await ada.client.post(CHAT, json=said("Hello?", model="openai/m"))
        served = await streamed(ada.client, CHAT, said("Hello?", model="demo/chat"))
        listed = await ada.client.get("/api/secrets")

    assert (refused.status_code, refused.json()["code"]) == (503, "vault_sealed")
    assert names(served)[-1] == "completed"
    assert listed.json()["total"] == 1
