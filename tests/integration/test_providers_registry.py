"""Which wire, which key, and that neither comes from anywhere else."""

import pickle
import traceback
from collections.abc import AsyncIterator

import msgspec
import pytest

from app.lib.errors import AppError
from app.lib.providers.credentials import ApiKey, Credential, server_credentials
from app.lib.providers.errors import BadBaseURL, BadKey, CredentialMissing, ProviderError, UnknownModel
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import refusal

CALL = ModelCall(model="m", instructions=None, items=[{"role": "user", "content": "Hello?"}])
KEY = "sk-the-users-own"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(demo_words_per_second=0, egress=LOCAL) as registry:
        yield registry


async def ask(registry: Registry, model: str, credential: Credential | None) -> None:
    adapter, _ = registry.adapter(model, credential)
    async with adapter.stream(CALL) as stream:
        _ = [delta async for delta in stream]


@pytest.mark.parametrize("model", ["", "gpt", "openai/", "openai/ ", "nobody/gpt", "/gpt", "anthropic/ "])
async def test_an_unknown_model_is_refused(registry: Registry, model: str) -> None:
    with pytest.raises(UnknownModel):
        registry.adapter(model)


async def test_a_name_may_hold_slashes(registry: Registry) -> None:
    credential = Credential(provider="openai_compatible", base_url="http://localhost/v1")

    assert registry.adapter("openai_compatible/meta/llama", credential)[1] == "meta/llama"


async def test_the_demo_needs_no_key(registry: Registry) -> None:
    await ask(registry, "demo/anything", None)


@pytest.mark.parametrize(
    ("model", "credential"),
    [
        ("openai/m", None),
        ("openai/m", Credential(provider="openai")),
        ("openai/m", Credential(provider="openai_compatible", base_url="http://x/v1", api_key=ApiKey(KEY))),
        ("openai_compatible/m", None),
        ("openai_compatible/m", Credential(provider="openai_compatible", api_key=ApiKey(KEY))),
    ],
)
async def test_without_a_key_of_its_own_a_provider_is_not_called(
    registry: Registry, model: str, credential: Credential | None
) -> None:
    with pytest.raises(CredentialMissing) as caught:
        registry.adapter(model, credential)

    assert caught.value.code == "credential_missing"


async def test_nothing_is_taken_from_the_environment(chat_wire: ChatWire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ORGANIZATION"):
        monkeypatch.setenv(name, "of-the-operator")
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "OPENAI_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with Registry(egress=LOCAL) as registry:
        with pytest.raises(CredentialMissing):
            registry.adapter("openai/m")

        await ask(registry, "openai/m", Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY)))

    headers = chat_wire.requests[0].headers
    assert headers["authorization"] == f"Bearer {KEY}"
    assert "of-the-operator" not in str(headers)


async def test_a_server_without_key_gets_none(registry: Registry, chat_wire: ChatWire) -> None:
    await ask(registry, "openai_compatible/m", Credential(provider="openai_compatible", base_url=chat_wire.url))

    assert "authorization" not in chat_wire.requests[0].headers


async def test_the_operators_key_is_lent_and_a_users_own_comes_first(chat_wire: ChatWire) -> None:
    own = server_credentials(openai_api_key="sk-operator", openai_base_url=chat_wire.url, lend=None)
    async with Registry(own, egress=LOCAL) as registry:
        assert registry.lent == ["openai", "openai_responses"]
        await ask(registry, "openai/m", None)
        await ask(registry, "openai/m", Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY)))

    assert [seen.headers["authorization"] for seen in chat_wire.requests] == ["Bearer sk-operator", f"Bearer {KEY}"]


def test_what_is_not_to_be_lent_is_not_there() -> None:
    assert server_credentials(openai_api_key="sk", openai_base_url="", lend=[]) == {}
    assert list(server_credentials(openai_api_key="sk", openai_base_url="", lend=["openai"])) == ["openai"]
    assert server_credentials(openai_api_key=None, openai_base_url="", lend=None) == {}


async def test_a_redirect_does_not_take_the_key_along(registry: Registry, chat_wire: ChatWire) -> None:
    chat_wire.queue(refusal(307, b"", location=f"{chat_wire.url}/elsewhere"))

    with pytest.raises(ProviderError):
        await ask(registry, "openai/m", Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY)))

    assert len(chat_wire.requests) == 1


async def test_cookies_are_not_kept(registry: Registry, chat_wire: ChatWire) -> None:
    chat_wire.queue(refusal(500, b"", set_cookie="who=you"))
    credential = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey(KEY))

    with pytest.raises(ProviderError):
        await ask(registry, "openai/m", credential)
    await ask(registry, "openai/m", credential)

    assert "cookie" not in chat_wire.requests[1].headers


async def test_a_query_of_the_base_url_stays_behind_the_path(registry: Registry, chat_wire: ChatWire) -> None:
    credential = Credential(provider="openai_compatible", base_url=f"{chat_wire.url}/?api-version=7")

    await ask(registry, "openai_compatible/m", credential)

    assert chat_wire.requests[0].path == "/v1/chat/completions?api-version=7"


@pytest.mark.parametrize(
    "url", ["ftp://x", "x", "http://", "http://u:p@x/v1", "http://x/v1#a", "http://[x", "http://x:99999"]
)
async def test_a_base_url_that_cannot_work_is_refused(registry: Registry, url: str) -> None:
    with pytest.raises(BadBaseURL):
        registry.adapter("openai_compatible/m", Credential(provider="openai_compatible", base_url=url))


@pytest.mark.parametrize("key", ["", " ", "sk\nX-Header: 1", "sk-ü", "sk two"])
def test_a_key_that_cannot_be_one_is_refused(key: str) -> None:
    with pytest.raises(BadKey):
        ApiKey(key)


def test_a_key_shows_itself_to_nobody() -> None:
    key = ApiKey(KEY)
    credential = Credential(provider="openai", api_key=key)

    assert KEY not in f"{key} {key!r} {credential} {credential!r}"
    with pytest.raises(TypeError):
        pickle.dumps(key)
    with pytest.raises(TypeError):
        msgspec.json.encode(credential)


async def test_a_traceback_does_not_hold_the_key(registry: Registry) -> None:
    credential = Credential(provider="openai", base_url="http://127.0.0.1:9", api_key=ApiKey(KEY))

    with pytest.raises(AppError) as caught:
        await ask(registry, "openai/m", credential)

    shown = traceback.TracebackException.from_exception(caught.value, capture_locals=True)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    assert KEY not in "".join(shown.format())


async def test_a_closed_registry_calls_nobody() -> None:
    with pytest.raises(RuntimeError):
        Registry().adapter("openai/m", Credential(provider="openai", api_key=ApiKey(KEY)))
