"""Whether a key is good: what is asked, and what each answer means."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from app.lib.egress.errors import EgressRefused
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import CredentialMissing
from app.lib.providers.registry import Registry
from tests.wires import anthropic, bedrock
from tests.wires.bedrock import fault, is_signed
from tests.wires.chat import LOCAL, ChatWire
from tests.wires.script import Script, raw, refusal

KEY = "sk-the-users-own"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(egress=LOCAL) as registry:
        yield registry


def credential(provider: str, url: str, **members: Any) -> Credential:
    return Credential(provider=provider, base_url=url, api_key=ApiKey(KEY), **members)


def said(message: str) -> dict[str, Any]:
    return {"error": {"message": message}}


@pytest.mark.parametrize("provider", ["openai", "openai_responses", "openai_compatible", "secret_ai"])
async def test_who_speaks_as_openai_does_is_asked_for_its_models(
    registry: Registry, chat_wire: ChatWire, provider: str
) -> None:
    assert await registry.verify(credential(provider, chat_wire.url)) == "valid"

    [seen] = chat_wire.requests
    assert (seen.method, seen.path, seen.headers["authorization"]) == ("GET", "/v1/models", f"Bearer {KEY}")


async def test_anthropic_is_asked_for_its_models(registry: Registry, anthropic_wire: ChatWire) -> None:
    assert await registry.verify(credential("anthropic", anthropic.base_url(anthropic_wire))) == "valid"

    [seen] = anthropic_wire.requests
    assert (seen.method, seen.path, seen.headers["x-api-key"]) == ("GET", "/v1/models", KEY)
    assert seen.headers["anthropic-version"]


@pytest.mark.parametrize("key_id", ["", "AKIAUSERSOWN"])
async def test_bedrock_is_asked_for_a_model_that_it_does_not_have(
    registry: Registry, bedrock_wire: ChatWire, key_id: str
) -> None:
    own = credential("bedrock", bedrock.base_url(bedrock_wire), access_key_id=key_id, region="us-east-1")

    assert await registry.verify(own) == "valid"

    [seen] = bedrock_wire.requests
    assert seen.path == "/model/headgate.verify/converse"
    assert is_signed(seen, KEY) if key_id else seen.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        (refusal(401), "invalid"),
        (refusal(403), "invalid"),
        (refusal(400, said("Incorrect API key provided.")), "invalid"),
        (refusal(403, said("You have insufficient permissions. Missing scopes: api.model.read")), "valid"),
        (refusal(402), "no_quota"),
        (refusal(403, said("Your team has either used all available credits")), "no_quota"),
        (refusal(429, {"error": {"code": "insufficient_quota"}}), "no_quota"),
        (refusal(429), "no_quota"),
        (refusal(404), "unreachable"),
        (refusal(302, location="http://169.254.169.254/"), "unreachable"),
        (refusal(500), "unreachable"),
        (refusal(503), "unreachable"),
        (raw(b"<html>Welcome!</html>", content_type="text/html"), "unreachable"),
    ],
)
async def test_an_answer_has_its_meaning(registry: Registry, chat_wire: ChatWire, script: Script, verdict: str) -> None:
    chat_wire.probed = lambda _: script

    assert await registry.verify(credential("openai", chat_wire.url)) == verdict
    assert len(chat_wire.requests) == 1


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        (fault(404, "ResourceNotFoundException"), "valid"),
        (fault(403, "AccessDeniedException", "User: u is not authorized to perform: bedrock:InvokeModel"), "valid"),
        (fault(403, "AccessDeniedException", "Authentication failed: make sure your API Key is valid."), "invalid"),
        (fault(403, "UnrecognizedClientException"), "invalid"),
        (fault(403, "InvalidSignatureException"), "invalid"),
        (fault(403, "ExpiredTokenException"), "invalid"),
        (fault(429, "ThrottlingException"), "no_quota"),
        (fault(500, "InternalServerException"), "unreachable"),
    ],
)
async def test_an_answer_of_bedrock_has_its_meaning(
    registry: Registry, bedrock_wire: ChatWire, script: Script, verdict: str
) -> None:
    bedrock_wire.probed = lambda _: script

    assert await registry.verify(credential("bedrock", bedrock.base_url(bedrock_wire), region="us-east-1")) == verdict


async def test_nobody_there_is_unreachable(registry: Registry) -> None:
    assert await registry.verify(credential("openai", "http://127.0.0.1:9/v1")) == "unreachable"


async def test_openrouter_shows_its_models_to_anyone_and_is_asked_otherwise() -> None:
    async with Registry() as registry:
        adapter, _ = registry.adapter(
            "openai_compatible/m", credential("openai_compatible", "https://openrouter.ai/api/v1")
        )

    assert getattr(adapter, "probe")().url == "https://openrouter.ai/api/v1/key"  # noqa: B009


async def test_an_address_that_may_not_be_called_is_not_asked(chat_wire: ChatWire) -> None:
    async with Registry() as registry:
        with pytest.raises(EgressRefused):
            await registry.verify(credential("openai", chat_wire.url))

    assert chat_wire.requests == []


async def test_a_credential_that_names_no_provider_or_no_place_is_missing(registry: Registry) -> None:
    for own in (Credential(provider="nobody", api_key=ApiKey(KEY)), Credential(provider="openai")):
        with pytest.raises(CredentialMissing):
            await registry.verify(own)
