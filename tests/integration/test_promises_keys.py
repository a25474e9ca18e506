"""A key goes to the provider it is for, and nowhere else: to no other, and into nothing that is kept or told."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import msgspec
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.integration.conftest import PASSWORD
from tests.servers import Nursery
from tests.streams import said, streamed
from tests.wires import anthropic, bedrock, responses
from tests.wires.bedrock import is_signed
from tests.wires.chat import LOCAL, ChatWire, Seen
from tests.wires.script import Script, answer, refusal

pytestmark = pytest.mark.timeout(90)

USERS = 40
PROXY = "http://canary-proxy:canary-proxy@127.0.0.1:9"
OWN = {
    "OPENAI_API_KEY": "sk-own-of-openai-1",
    "ANTHROPIC_API_KEY": "sk-own-of-anthropic-2",
    "AWS_ACCESS_KEY_ID": "AKIAOWNOFBEDROCK3",
    "AWS_SECRET_ACCESS_KEY": "own-of-bedrock-4-secret",
    "AWS_SESSION_TOKEN": "own-of-bedrock-5-token",
}
CANARIES = {
    name: f"canary-{name.lower().replace('_', '-')}"
    for name in (
        "OPENAI_ORG_ID",
        "OPENAI_ORGANIZATION",
        "OPENAI_PROJECT_ID",
        "OPENAI_ADMIN_KEY",
        "ANTHROPIC_AUTH_TOKEN",
        "ANTHROPIC_IDENTITY_TOKEN",
        "CLAUDE_API_KEY",
        "AWS_SECURITY_TOKEN",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
    )
}
MODELS = {"openai/m": "chat", "openai_responses/m": "chat", "anthropic/m": "anthropic", "bedrock/m": "bedrock"}


@dataclass
class Wires:
    chat: ChatWire
    anthropic: ChatWire
    bedrock: ChatWire


def fits_path(seen: Seen) -> Script:
    """OpenAI's two APIs share an address."""
    return responses.answer("Hello.") if seen.path.endswith("/responses") else answer("Hello.")


def echo(seen: Seen) -> Script:
    """A provider that is rude enough to say the key that it refuses."""
    return refusal(401, {"error": {"message": f"Wrong: {seen.headers}", "type": "authentication_error"}})


@pytest.fixture
def wires(chat_wire: ChatWire, anthropic_wire: ChatWire, bedrock_wire: ChatWire) -> Wires:
    chat_wire.default = fits_path
    return Wires(chat_wire, anthropic_wire, bedrock_wire)


@asynccontextmanager
async def serving(servers: Nursery, folder: Path, wires: Wires) -> AsyncIterator[str]:
    """A server process amid variables that are not for it; what it logs is in `log`."""
    netrc = folder / ".netrc"
    netrc.write_text("default login canary-netrc password canary-netrc\n")
    proxies = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "NETRC": str(netrc),
        "HEADGATE_PORT": "0",
        "HEADGATE_LOG_LEVEL": "DEBUG",
        "OPENAI_BASE_URL": wires.chat.url,
        "ANTHROPIC_BASE_URL": anthropic.base_url(wires.anthropic),
        "BEDROCK_REGION": "us-east-1",
        "BEDROCK_ENDPOINT_URL": bedrock.base_url(wires.bedrock),
        **dict.fromkeys(proxies, PROXY),
        **CANARIES,
        **OWN,
    }
    process = await servers.start(environment, folder, folder / "log")
    try:
        yield process.url
    finally:
        await process.kill()


async def told(client: httpx.AsyncClient, model: str) -> tuple[str, str]:
    """How a run ends, and all that it tells of itself."""
    events = await streamed(client, "/api/agents/chat/invoke", {**said("Hello?"), "model": model})
    run = await client.get(f"/api/runs/{events[0].data['run_id']}")
    return events[-1].event, f"{events}{run.text}"


async def test_what_the_environment_holds_reaches_no_provider_and_nothing_that_is_kept(
    servers: Nursery, tmp_path: Path, wires: Wires
) -> None:
    shown = []
    async with (
        serving(servers, tmp_path, wires) as url,
        httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as client,
    ):
        account = {"email": "ada@example.com", "password": PASSWORD, "name": "Ada"}
        await client.post("/api/access/signup", json=account)
        token = (await client.post("/api/access/login", json=account)).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"

        ends = {model: await told(client, model) for model in MODELS}
        for wire in (wires.chat, wires.anthropic, wires.bedrock):
            wire.default = echo
        refusals = {model: await told(client, model) for model in MODELS}

        shown += [text for _, text in (*ends.values(), *refusals.values())]
        for path in ("/api/providers", "/api/models", "/api/runs", "/health/ready", "/api/runs/none"):
            shown.append((await client.get(path)).text)
        shown.append((await client.post("/api/agents/chat/invoke", json={**said("?"), "model": "secret_ai/m"})).text)

    assert {model: end for model, (end, _) in ends.items()} == dict.fromkeys(MODELS, "completed")
    assert {model: end for model, (end, _) in refusals.items()} == dict.fromkeys(MODELS, "error")
    sent = {
        name: str([(seen.path, seen.headers, seen.raw) for seen in getattr(wires, name).requests])
        for name in ("chat", "anthropic", "bedrock")
    }
    strays = [(name, key) for name, text in sent.items() for key in OWN.values() if key in text]
    assert strays == [
        ("chat", OWN["OPENAI_API_KEY"]),
        ("anthropic", OWN["ANTHROPIC_API_KEY"]),
        ("bedrock", OWN["AWS_ACCESS_KEY_ID"]),
        ("bedrock", OWN["AWS_SESSION_TOKEN"]),
    ]
    assert "canary" not in "".join(sent.values())
    kept = b"".join(file.read_bytes() for file in (tmp_path / "data").iterdir()) + (tmp_path / "log").read_bytes()
    everything = "".join(shown) + kept.decode("latin-1")
    assert "Hello?" in everything
    assert [value for value in (*OWN.values(), "canary") if value in everything] == []


def credential_of(provider: str, user: int, wires: Wires) -> Credential:
    key = ApiKey(f"key-{provider}-{user:02}-end")
    if provider == "bedrock":
        return Credential(
            provider=provider,
            base_url=bedrock.base_url(wires.bedrock),
            api_key=key,
            access_key_id=f"AKIA{user:02}END" if user % 2 else "",
            region="us-east-1",
        )
    url = anthropic.base_url(wires.anthropic) if provider == "anthropic" else wires.chat.url
    return Credential(provider=provider, base_url=url, api_key=key)


async def test_forty_users_at_once_are_each_called_for_with_their_own_key(wires: Wires) -> None:
    own = {model.partition("/")[0]: model for model in MODELS}
    async with Registry(egress=LOCAL) as registry:

        async def ask(provider: str, user: int) -> None:
            call = ModelCall(
                model="m", instructions=None, items=[{"role": "user", "content": f"I am {provider} {user:02}."}]
            )
            adapter, _ = registry.adapter(own[provider], credential_of(provider, user, wires))
            async with adapter.stream(call) as stream:
                _deltas = [delta async for delta in stream]

        async with anyio.create_task_group() as tasks:
            for user in range(USERS):
                for provider in own:
                    tasks.start_soon(ask, provider, user)

    served = [
        right(seen, provider, user)
        for wire in (wires.chat, wires.anthropic, wires.bedrock)
        for seen in wire.requests
        for provider, user in [whose(seen)]
    ]
    assert served == [True] * USERS * len(own)


def whose(seen: Seen) -> tuple[str, int]:
    _, _, rest = msgspec.json.encode(seen.body).decode().partition("I am ")
    provider, _, number = rest.partition(".")[0].partition(" ")
    return provider, int(number)


def right(seen: Seen, provider: str, user: int) -> bool:
    """Whether the request carries the key of who made it, and nobody else's."""
    key = f"key-{provider}-{user:02}-end"
    told = f"{seen.path} {seen.headers} {seen.raw!r}"
    if provider == "bedrock" and user % 2:
        return "key-" not in told and f"AKIA{user:02}END" in told and is_signed(seen, key)
    return told.count("key-") == 1 + told.count("x-api-key-") and key in told and "AKIA" not in told
