"""Whose key a run's calls are made with, how long it is open, and that nobody is told it."""

from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import anyio
import httpx
import pytest

from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.keys import Keyring
from tests.limits import promote, usage
from tests.streams import followed, names, only, said, shown, streamed, text
from tests.wires import anthropic
from tests.wires.chat import LOCAL, ChatWire, Seen
from tests.wires.script import Call, Ending, Script, answer, raw, refusal

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
CHAT = "/api/agents/chat/invoke"
STREAM = {"Accept": "text/event-stream"}
LENT = "sk-lent-by-the-house"
OWN = "sk-ada-0123456789"


@dataclass
class House:
    """A server whose users have keys of their own, and somebody on it."""

    client: httpx.AsyncClient
    user_id: UUID
    keys: Keyring
    chat: ChatWire
    anthropic: ChatWire

    def key(self, provider: str, value: str, *, default: bool = False) -> UUID:
        url = anthropic.base_url(self.anthropic) if provider == "anthropic" else self.chat.url
        credential = Credential(provider=provider, base_url=url, api_key=ApiKey(value))
        return self.keys.add(credential, default_of=self.user_id if default else None)

    async def agent(self, **members: Any) -> str:
        made = await self.client.post("/api/agents", json={"name": "a", **members})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def refused(self, body: dict[str, Any], path: str = CHAT) -> tuple[int, str]:
        """How a start is refused, before anything has begun."""
        response = await self.client.post(path, json=body)
        assert (await self.client.get("/api/runs")).json()["total"] == 0
        assert self.keys.uses == []
        return response.status_code, response.json()["code"]


def key_of(seen: Seen) -> str:
    return seen.headers.get("x-api-key") or seen.headers["authorization"].removeprefix("Bearer ")


@pytest.fixture
def keys() -> Keyring:
    return Keyring()


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire, keys: Keyring) -> AsyncIterator[LiveServer]:
    lent = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(LENT), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": lent}, egress=LOCAL), keys=keys) as running:
        yield running


@pytest.fixture
async def house(client: httpx.AsyncClient, keys: Keyring, chat_wire: ChatWire, anthropic_wire: ChatWire) -> House:
    user_id = UUID((await client.get("/api/me")).json()["id"])
    return House(client, user_id, keys, chat_wire, anthropic_wire)


async def test_the_named_key_comes_before_the_default_and_that_before_a_lent_one(house: House) -> None:
    await streamed(house.client, CHAT, said("1"))
    house.key("openai", "sk-default-of-ada", default=True)
    await streamed(house.client, CHAT, said("2"))
    named = house.key("openai", "sk-named-by-ada")
    events = await streamed(house.client, CHAT, said("3", secret_id=str(named)))

    assert [key_of(seen) for seen in house.chat.requests] == [LENT, "sk-default-of-ada", "sk-named-by-ada"]
    run = (await house.client.get(f"/api/runs/{events[0].data['run_id']}")).json()
    assert run["secret_id"] == str(named)
    assert house.keys.uses[-1] == (named, UUID(run["id"]))


async def test_a_default_is_nobody_elses(house: House, sign_up: SignUp) -> None:
    house.key("openai", "sk-default-of-ada", default=True)

    await streamed(await sign_up(), CHAT, said("Hi"))

    assert key_of(house.chat.requests[0]) == LENT


async def test_each_call_is_made_with_a_key_of_its_own_provider(house: House) -> None:
    named = house.key("openai", "sk-named-by-ada")
    house.key("anthropic", "sk-ant-default-of-ada", default=True)
    expert = await house.agent(name="expert", model="anthropic/claude-haiku-4-5")
    first = await house.agent(model="openai/fake", agent_tools=[expert], handoffs=[expert])
    house.chat.queue(answer(Call("ask_expert", {"input": "So?"})), answer(Call("transfer_to_expert", {})))

    events = await streamed(house.client, f"/api/agents/{first}/invoke", said("Hi", secret_id=str(named)))

    assert events[-1].event == "completed"
    assert [key_of(seen) for seen in house.chat.requests] == ["sk-named-by-ada"] * 2
    assert [key_of(seen) for seen in house.anthropic.requests] == ["sk-ant-default-of-ada"] * 2


async def test_a_fallback_has_the_key_of_its_provider_and_is_passed_over_without_one(house: House) -> None:
    agent = await house.agent(
        model="openai/fake", fallback_models=["secret_ai/nobody-has-a-key", "anthropic/claude-haiku-4-5"]
    )
    named = house.key("anthropic", "sk-ant-named-by-ada")
    house.chat.queue(refusal(401))

    events = await streamed(house.client, f"/api/agents/{agent}/invoke", said("Hi", secret_id=str(named)))

    assert only(events, "retrying").data["model"] == "anthropic/claude-haiku-4-5"
    assert key_of(house.chat.requests[0]) == LENT
    assert [key_of(seen) for seen in house.anthropic.requests] == ["sk-ant-named-by-ada"]


async def test_a_missing_key_is_said_before_anything_starts(house: House) -> None:
    agent = await house.agent(handoffs=[await house.agent(model="anthropic/claude-haiku-4-5")])

    assert await house.refused(said("Hi", model="anthropic/claude-haiku-4-5")) == (422, "credential_missing")
    assert await house.refused(said("Hi"), f"/api/agents/{agent}/invoke") == (422, "credential_missing")
    assert await house.refused(said("Hi", secret_id=str(uuid4()))) == (404, "secret_not_found")
    house.key("anthropic", "sk-ant-default-of-ada", default=True)
    assert await house.refused(said("Hi", model="nobody/knows")) == (422, "unknown_model")


async def test_a_key_that_nothing_of_the_run_could_use_is_refused(house: House) -> None:
    named = house.key("anthropic", "sk-ant-named-by-ada")

    assert await house.refused(said("Hi", secret_id=str(named))) == (422, "secret_unfit")


async def test_a_model_that_a_start_replaces_needs_no_key(house: House) -> None:
    agent = await house.agent(model="anthropic/claude-haiku-4-5")

    events = await streamed(house.client, f"/api/agents/{agent}/invoke", said("Hi", model="openai/fake"))

    assert events[-1].event == "completed"


async def test_the_demo_opens_no_key(house: House) -> None:
    house.key("openai", "sk-default-of-ada", default=True)

    await streamed(house.client, CHAT, said("Hi", model="demo/todo"))

    assert house.keys.uses == []


async def test_a_key_is_open_for_each_call_only_and_may_be_taken_away_in_between(house: House) -> None:
    going_on = anyio.Event()
    named = house.key("openai", "sk-named-by-ada")
    house.chat.queue(answer("Let me ", going_on, "see.", Call("get_user_datetime")))

    path = "/api/agents/todo/invoke"
    async with house.client.stream("POST", path, json=said("?", secret_id=str(named)), headers=STREAM) as response:
        await shown(response, "Let me")
        assert house.keys.open == [named]
        house.keys.remove(named)
        going_on.set()
        run_id = response.headers["Location"].rpartition("/")[2]
    events = await followed(house.client, run_id)

    assert text(events) == "Let me see."
    assert "tool_result" in names(events)
    assert only(events, "error").data["code"] == "secret_not_found"
    assert house.keys.open == []
    assert len(house.chat.requests) == 1


async def test_a_run_that_goes_on_from_another_uses_its_key_or_another_one(house: House) -> None:
    named, other = house.key("openai", "sk-named-by-ada"), house.key("openai", "sk-other-of-ada")
    house.chat.queue(answer("Once upon a", ending=Ending.DROP), answer(" time", ending=Ending.DROP))
    path = "/api/runs/{}/continue"

    broken = await streamed(house.client, CHAT, said("Tell me", session_id="s", secret_id=str(named)))
    again = await streamed(house.client, path.format(broken[0].data["run_id"]), {})
    house.keys.remove(named)
    gone = await house.client.post(path.format(again[0].data["run_id"]), json={})
    last = await streamed(house.client, path.format(again[0].data["run_id"]), {"secret_id": str(other)})

    assert (gone.status_code, gone.json()["code"]) == (404, "secret_not_found")
    assert last[-1].event == "completed"
    assert [key_of(seen) for seen in house.chat.requests] == [
        "sk-named-by-ada",
        "sk-named-by-ada",
        "sk-other-of-ada",
    ]


async def test_no_key_that_a_run_has_opened_is_told_or_kept_whoever_says_it(
    house: House, server: LiveServer, tmp_path: Path
) -> None:
    """The model and its tools say each, in pieces of three characters and in every spelling."""
    first, second = "sk-ada-OpenAI/0123456789", "sk-ant-ada-0123+456789"
    forms = [
        form
        for key in (first, second)
        for form in (key, quote(key, safe=""), key.encode().hex(), b64encode(b"ada:" + key.encode()).decode())
    ]
    house.key("openai", first, default=True)
    house.key("anthropic", second, default=True)
    expert = await house.agent(name="expert", model="anthropic/claude-haiku-4-5")
    agent = await house.agent(model="openai/fake", tools=["create_todo"], agent_tools=[expert])
    house.anthropic.queue(anthropic.answer(f"I was called with {second}."))
    every = " ".join(forms)
    pieces = [every[at : at + 3] for at in range(0, len(every), 3)]
    house.chat.queue(
        answer(Call("ask_expert", {"input": "So?"})),
        answer("My keys: ", *pieces, " end.", Call("create_todo", {"item": "milk", "description": every})),
        answer(f"Bye {first}, cut {second[:-3]}", ending=Ending.DROP),
    )

    events = await streamed(house.client, f"/api/agents/{agent}/invoke", said("Hi", session_id="s"))

    results = [event.data for event in events if event.event == "tool_result"]
    assert results[0]["output"] == {"answer": "I was called with [REDACTED]."}
    assert results[1]["output"]["description"].count("[REDACTED]") == len(forms)
    deltas, messages = text(events), [event.data["content"] for event in events if event.event == "message"]
    assert deltas == "".join(messages)
    assert messages[0].endswith(" end.")
    assert events[-1].data["partial_message"] == messages[-1]
    pages = [f"/api/runs/{events[0].data['run_id']}", "/api/sessions/s/history", "/api/sessions/s/export", "/api/todos"]
    told = str(events) + "".join([(await house.client.get(page)).text for page in pages])
    kept = files_of(tmp_path)
    assert "My keys: " in kept
    assert [form for form in (*forms, second[:-3]) if form in told or form in kept] == []
    assert [key_of(seen) for seen in house.anthropic.requests] == [second]


def files_of(folder: Path) -> str:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file()).decode("latin-1")


@pytest.mark.parametrize(
    "script",
    [refusal(401, {"error": {"message": f"Wrong: {OWN}"}}), raw(f"data: {OWN}\n\n".encode())],
    ids=["refusal", "nonsense"],
)
async def test_a_provider_that_repeats_the_key_instead_of_answering_is_not_quoted(house: House, script: Script) -> None:
    house.key("openai", OWN, default=True)
    house.chat.default = lambda _: script

    events = await streamed(house.client, CHAT, said("Hi"))

    assert events[-1].event == "error"
    assert OWN not in str(events)
    assert key_of(house.chat.requests[0]) == OWN


async def test_many_users_at_once_are_each_called_for_with_their_own_key(
    house: House, sign_up: SignUp, keys: Keyring
) -> None:
    gate, users = anyio.Event(), [house, *[await another(house, await sign_up()) for _ in range(5)]]
    house.chat.default = lambda _: answer("Hel", gate, "lo.")
    house.anthropic.default = lambda _: anthropic.answer("Hel", gate, "lo.")
    for number, user in enumerate(users):
        user.key("openai", f"sk-of-user-{number}", default=True)
        user.key("anthropic", f"sk-of-user-{number}", default=True)

    async def ask(number: int, model: str) -> None:
        events = await streamed(users[number].client, CHAT, said(f"I am {number}", model=model))
        assert events[-1].event == "completed"

    async with anyio.create_task_group() as tasks:
        for number in range(len(users)):
            for model in ("openai/fake", "anthropic/claude-haiku-4-5"):
                tasks.start_soon(ask, number, model)
        await house.chat.request(len(users))
        await house.anthropic.request(len(users))
        gate.set()

    asked = [*house.chat.requests, *house.anthropic.requests]
    assert all(f"I am {key_of(seen)[-1]}" in seen.raw.decode() for seen in asked)
    assert sorted({key_of(seen) for seen in asked}) == [f"sk-of-user-{number}" for number in range(len(users))]
    assert keys.open == []


async def another(house: House, client: httpx.AsyncClient) -> House:
    user_id = UUID((await client.get("/api/me")).json()["id"])
    return House(client, user_id, house.keys, house.chat, house.anthropic)


async def test_providers_are_listed_with_whose_key_there_is(house: House) -> None:
    house.key("openai", "sk-default-of-ada", default=True)
    house.key("anthropic", "sk-ant-default-of-ada", default=True)

    items = (await house.client.get("/api/providers")).json()["items"]
    models = (await house.client.get("/api/models")).json()["items"]

    assert {each["provider"]: each["key"] for each in items if each["key"]} == {"openai": "own", "anthropic": "own"}
    assert all(each["healthy"] for each in items if each["usable"])
    assert {each["provider"] for each in models if each["usable"]} == {"openai", "anthropic", "demo"}
    assert house.keys.uses == []


async def test_a_budget_in_dollars_is_for_lent_keys(house: House, db: Database, sign_up: SignUp) -> None:
    admin = await sign_up()
    await promote(db, admin)
    nothing = {"monthly_cost_usd": "0"}
    (await admin.put(f"/api/admin/quotas/users/{house.user_id}", json=nothing)).raise_for_status()

    lent = await house.client.post(CHAT, json=said("Hi"))
    named = await streamed(house.client, CHAT, said("Hi", secret_id=str(house.key("openai", OWN))))
    house.key("openai", OWN, default=True)
    default = await streamed(house.client, CHAT, said("Hi"))
    demo = await streamed(house.client, CHAT, {**said("Hi"), "model": "demo/chat"})

    assert (lent.status_code, lent.json()["kind"]) == (429, "cost")
    assert [names(events)[-1] for events in (named, default, demo)] == ["completed"] * 3
    told = await usage(house.client)
    assert (told["requests_used"], told["provider_calls"], told["cost_usd_used"]) == (3, 3, "0")
