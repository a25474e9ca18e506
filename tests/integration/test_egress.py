"""Nobody gets inside through this server: counted at the socket."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import chain, repeat
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from app.lib.egress.client import GuardedConnector, open_session
from app.lib.egress.errors import EgressRefused
from app.lib.egress.policy import Policy
from app.lib.providers.calling import HttpAnswer, Request, Timeouts
from app.lib.providers.chat.decode import ChatDecoder
from app.lib.providers.credentials import ApiKey, Credential, server_credentials
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from app.server.running import build_registry
from app.server.settings import Settings
from tests.urls import INSIDE
from tests.wires.chat import ChatWire, chat_server
from tests.wires.script import answer, refusal

CALL = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "Hello?"}])
KEY = "sk-the-users-own"
ANSWERS = {
    "loopback.example": ["127.0.0.1"],
    "private.example": ["10.0.0.1", "192.168.0.1"],
    "cloud.example": ["169.254.169.254"],
    "mapped.example": ["::ffff:127.0.0.1"],
    "nat64.example": ["64:ff9b::7f00:1"],
    "sixtofour.example": ["2002:7f00:1::"],
    "both.example": ["127.0.0.1", "::1"],
}


class Names(AbstractResolver):
    """The test's own. `changing.example` is public when it is looked up first, and this machine from then on."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._changing = chain(["1.1.1.1"], repeat("127.0.0.1"))

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        self.asked.append(host)
        addresses = [next(self._changing)] if host == "changing.example" else ANSWERS.get(host, [])
        if not addresses:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=_family(address), proto=0, flags=0)
            for address in addresses
        ]

    async def close(self) -> None:
        pass


def _family(address: str) -> int:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


class Recording(GuardedConnector):
    """Knows which sockets were made: nothing is connected without one."""

    def __init__(self, policy: Policy, names: Names) -> None:
        super().__init__(policy, resolver=names, use_dns_cache=False)
        self.made: list[Any] = []

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        made = super()._socket(info)
        self.made.append(info[4])
        return made


@asynccontextmanager
async def recording(*allow: str) -> AsyncIterator[tuple[aiohttp.ClientSession, Recording, Names]]:
    names = Names()
    # Whoever looks before the call is told of a public address.
    assert Policy().admits("changing.example", (await names.resolve("changing.example"))[0]["host"])
    names.asked.clear()
    connector = Recording(Policy(allow), names)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session, connector, names


@pytest.mark.parametrize("url", INSIDE)
async def test_a_url_that_leads_inside_connects_to_nothing(chat_wire: ChatWire, url: str) -> None:
    """Also when nobody looked at the URL before the client did."""
    at_wire = url.replace(".example/", f".example:{chat_wire.port}/")

    async with recording() as (session, connector, _):
        with pytest.raises((EgressRefused, aiohttp.ClientError, ValueError)):
            await session.post(at_wire)

        assert connector.made == []
    assert chat_wire.connections == 0


@pytest.mark.parametrize("url", [url for url in INSIDE if "example/v1" in url])
async def test_a_name_that_leads_inside_is_refused_as_such(url: str) -> None:
    async with recording() as (session, connector, names):
        with pytest.raises(EgressRefused):
            await session.post(url)

        assert len(names.asked) == 1
        assert connector.made == []


async def test_a_name_that_changes_its_answer_is_connected_to_what_was_checked(chat_wire: ChatWire) -> None:
    """Looked up once for the call, and the address of the socket itself is what is checked."""
    async with recording() as (session, connector, names):
        with pytest.raises(EgressRefused):
            await session.post(f"https://changing.example:{chat_wire.port}/v1")

        assert names.asked == ["changing.example"]
        assert connector.made == []
    assert chat_wire.connections == 0


async def test_an_allowed_name_opens_nothing_to_another(chat_wire: ChatWire) -> None:
    async with recording("loopback.example") as (session, connector, _):
        response = await session.post(f"http://loopback.example:{chat_wire.port}/v1", json={"messages": []})
        response.close()
        with pytest.raises(EgressRefused):
            await session.post(f"https://both.example:{chat_wire.port}/v1")

        assert connector.made == [("127.0.0.1", chat_wire.port)]


async def test_many_at_once_keep_their_own_permissions(chat_wire: ChatWire) -> None:
    outcomes: list[bool] = []

    async def ask(session: aiohttp.ClientSession, name: str) -> None:
        try:
            (await session.post(f"http://{name}:{chat_wire.port}/v1", json={"messages": []})).close()
        except EgressRefused:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with recording("loopback.example") as (session, connector, _), anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(ask, session, "loopback.example")
            tasks.start_soon(ask, session, "both.example")

    assert (outcomes.count(True), outcomes.count(False)) == (20, 20)
    assert {made[0] for made in connector.made} == {"127.0.0.1"}


@pytest.mark.parametrize("to", ["http://localhost:{port}/", "https://127.0.0.1:{port}/", "http://[::1]:{port}/"])
async def test_a_redirect_is_checked_like_a_first_request(chat_wire: ChatWire, to: str) -> None:
    async with chat_server() as inside, recording("loopback.example") as (session, connector, _):
        chat_wire.probed = lambda _: refusal(302, b"", location=to.format(port=inside.port))
        with pytest.raises(EgressRefused):
            await session.get(f"http://loopback.example:{chat_wire.port}/")

        assert connector.made == [("127.0.0.1", chat_wire.port)]
        assert inside.connections == 0


async def test_a_proxy_is_no_way_round(chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{chat_wire.port}")
    async with open_session(Policy()) as session:
        with pytest.raises(EgressRefused):
            await session.get("https://127.0.0.1/")
        with pytest.raises(EgressRefused):
            await session.get("https://api.openai.com/", proxy=f"http://127.0.0.1:{chat_wire.port}")

    assert chat_wire.connections == 0


async def ask(registry: Registry, credential: Credential | None, model: str = "openai_compatible/m") -> None:
    adapter, _ = registry.adapter(model, credential)
    async with adapter.stream(CALL) as stream:
        _ = [delta async for delta in stream]


async def test_a_users_base_url_does_not_lead_inside(chat_wire: ChatWire) -> None:
    async with Registry() as registry:
        for url in (chat_wire.url, chat_wire.url.replace("http:", "https:").replace("127.0.0.1", "localhost")):
            with pytest.raises(EgressRefused) as caught:
                await ask(registry, Credential(provider="openai_compatible", base_url=url, api_key=ApiKey(KEY)))
            assert not caught.value.retryable

    assert chat_wire.connections == 0


async def test_a_users_base_url_leads_where_the_operator_allows(chat_wire: ChatWire) -> None:
    async with Registry(egress=Policy(["127.0.0.0/8"])) as registry:
        await ask(registry, Credential(provider="openai_compatible", base_url=chat_wire.url, api_key=ApiKey(KEY)))

    assert chat_wire.requests[0].headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("allow", ["", "127.0.0.1"])
async def test_a_server_goes_by_what_its_operator_has_set(settings: Settings, chat_wire: ChatWire, allow: str) -> None:
    allowed = settings.model_copy(update={"egress_allow": [allow] if allow else []})
    credential = Credential(provider="openai_compatible", base_url=chat_wire.url)
    async with build_registry(allowed) as registry:
        if allow:
            await ask(registry, credential)
        else:
            with pytest.raises(EgressRefused):
                await ask(registry, credential)

    assert chat_wire.connections == bool(allow)


async def test_a_key_goes_to_no_other_host_than_its_own(chat_wire: ChatWire) -> None:
    request = Request("openai", "http://127.0.0.1:9/v1", {}, b"{}", KEY, chat_wire.url)
    async with open_session(None) as session:
        stream = HttpAnswer(session, request, ChatDecoder("openai", request_size=2), Timeouts())
        with pytest.raises(RuntimeError, match="only to the host"):
            async with stream:
                await anext(aiter(stream))


async def test_the_operators_own_base_url_may_lead_anywhere(chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Hello."))
    own = server_credentials(openai_api_key="sk-operator", openai_base_url=chat_wire.url, lend=None)
    async with Registry(own) as registry:
        await ask(registry, None, "openai/m")

    assert chat_wire.connections == 1
