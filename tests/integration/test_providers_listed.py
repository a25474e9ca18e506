"""What users learn of providers and models: what they can name, and nothing of the operator's addresses and keys."""

from collections.abc import AsyncIterator
from uuid import uuid4

import httpx
import pytest

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import ProviderError
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import WIRES, Registry
from app.server.settings import Settings
from tests.databases import unstored
from tests.integration.conftest import LiveServer, live_server
from tests.wires.chat import ChatWire
from tests.wires.script import refusal

pytestmark = unstored

KEY = "sk-test-0123456789"


@pytest.fixture
def registry(chat_wire: ChatWire) -> Registry:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY), lent=True)
    return Registry({"openai": own})


@pytest.fixture
async def server(settings: Settings, registry: Registry) -> AsyncIterator[LiveServer]:
    settings = settings.model_copy(update={"default_model": "openai_responses/of-the-house"})
    async with live_server(settings, registry=registry) as running:
        yield running


async def test_every_provider_is_listed_with_whose_key_there_is(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/api/providers")).json()

    unusable = {"usable": False, "key": None, "healthy": None}
    found = {each.pop("provider"): each for each in listed["items"]}
    assert found == {
        **dict.fromkeys(WIRES, unusable),
        "openai": {"usable": True, "key": "lent", "healthy": True},
        "demo": {"usable": True, "key": None, "healthy": True},
    }
    assert (listed["total"], listed["limit"], listed["offset"]) == (len(WIRES) + 1, 100, 0)


async def test_neither_a_key_nor_an_address_is_told(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    for path in ("/api/providers", "/api/models"):
        told = (await client.get(path)).text
        assert KEY not in told
        assert str(chat_wire.port) not in told


async def test_a_provider_that_fails_for_several_users_is_not_healthy(
    client: httpx.AsyncClient, registry: Registry, chat_wire: ChatWire
) -> None:
    chat_wire.default = lambda _: refusal(503)
    call = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "Hello?"}])
    adapter, _ = registry.adapter("openai/m")
    for _ in range(3):
        with pytest.raises(ProviderError), registry.watching("openai/m", uuid4()):
            async with adapter.stream(call) as stream:
                _deltas = [delta async for delta in stream]

    items = (await client.get("/api/providers")).json()["items"]

    assert {each["provider"]: each["healthy"] for each in items if each["usable"]} == {"openai": False, "demo": True}


async def test_models_are_those_of_usable_providers_with_the_default_first(client: httpx.AsyncClient) -> None:
    items = (await client.get("/api/models")).json()["items"]

    default = {"model": "openai_responses/of-the-house", "provider": "openai_responses"}
    assert items[0] == {**default, "usable": False, "default": True, "price": None}
    assert {each["provider"] for each in items[1:-1]} == {"openai"}
    assert all(each["usable"] and not each["default"] for each in items[1:])
    assert items[-1]["model"] == "demo/todo"
    assert items[-1]["price"] == {"input": "0", "cached_input": "0", "output": "0", "as_of": None, "source": None}
    assert len({each["model"] for each in items}) == len(items)


async def test_prices_are_decimal_text_with_their_day_and_source(client: httpx.AsyncClient) -> None:
    items = (await client.get("/api/models")).json()["items"]

    price = next(each["price"] for each in items if each["model"] == "openai/gpt-5-mini")
    assert (price["input"], price["cached_input"], price["output"]) == ("0.25", "0.025", "2")
    assert price["source"].startswith("https://")
    assert price["as_of"].startswith("20")


async def test_lists_come_in_pages(client: httpx.AsyncClient) -> None:
    whole = (await client.get("/api/models")).json()
    page = (await client.get("/api/models", params={"limit": 2, "offset": 1})).json()

    assert page == {"items": whole["items"][1:3], "total": whole["total"], "limit": 2, "offset": 1}
    for path in ("/api/models", "/api/providers"):
        assert (await client.get(path, params={"limit": 0})).status_code in {400, 422}


async def test_strangers_learn_nothing(anonymous: httpx.AsyncClient) -> None:
    for path in ("/api/models", "/api/providers"):
        assert (await anonymous.get(path)).status_code == 401
