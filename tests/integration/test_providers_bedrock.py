"""The Bedrock wire against a provider on a real socket."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from app.lib.egress.policy import Policy
from app.lib.providers.calling import Timeouts
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.errors import BadKey, BadRegion, CredentialMissing
from app.lib.providers.model import Adapter, ModelCall, ToolSchema
from app.lib.providers.registry import Registry
from tests.wires.bedrock import (
    Redacted,
    Thought,
    answer,
    base_url,
    is_signed,
)
from tests.wires.chat import ChatWire
from tests.wires.reading import ALWAYS_SENT, answer_of
from tests.wires.script import Call

KEY, KEY_ID = "very/secret+of=aws", "AKIAEXAMPLE"
MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
LOOK = ToolSchema("look", "Look.", {"type": "object", "properties": {}})
CALL = ModelCall(model=MODEL, instructions="Be.", items=[{"role": "user", "content": "Hello?"}], tools=[LOOK])
DIRTY = {"AWS_ACCESS_KEY_ID": "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "of-the-operator", "AWS_SESSION_TOKEN": "of-op"}


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    async with Registry(timeouts=Timeouts(idle=1.0, tail=0.5), egress=Policy(["127.0.0.1"])) as registry:
        yield registry


def bearer(wire: ChatWire) -> Credential:
    return Credential(provider="bedrock", base_url=base_url(wire), api_key=ApiKey(KEY))


@pytest.fixture
def adapter(registry: Registry, bedrock_wire: ChatWire) -> Adapter:
    return registry.adapter(f"bedrock/{MODEL}", bearer(bedrock_wire))[0]


async def test_the_request_says_what_it_must_and_no_more(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    await answer_of(adapter, CALL)

    seen = bedrock_wire.requests[0]
    assert seen.path == "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse-stream"
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert set(seen.headers) == {*ALWAYS_SENT, "authorization"}
    assert seen.body == {
        "system": [{"text": "Be."}],
        "messages": [{"role": "user", "content": [{"text": "Hello?"}]}],
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "look", "description": "Look.", "inputSchema": {"json": LOOK.parameters}}},
            ]
        },
    }


@pytest.mark.parametrize("model", [MODEL, "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.x-1:0", "m"])
async def test_a_signed_request_is_what_aws_reckons_itself(
    registry: Registry, bedrock_wire: ChatWire, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    for name, value in {**DIRTY, "AWS_BEARER_TOKEN_BEDROCK": "of-op", "AWS_REGION": "us-west-2"}.items():
        monkeypatch.setenv(name, value)
    credential = Credential(
        provider="bedrock",
        base_url=base_url(bedrock_wire),
        api_key=ApiKey(KEY),
        access_key_id=KEY_ID,
        region="eu-central-1",
    )

    await answer_of(registry.adapter(f"bedrock/{model}", credential)[0], msgspec.structs.replace(CALL, model=model))

    seen = bedrock_wire.requests[0]
    assert is_signed(seen, KEY)
    assert not is_signed(seen, "another")
    assert f"Credential={KEY_ID}/" in seen.headers["authorization"]
    assert "/eu-central-1/bedrock/aws4_request" in seen.headers["authorization"]
    assert KEY not in str(seen.headers)
    assert "of-op" not in str(seen.headers)
    assert "x-amz-security-token" not in seen.headers


async def test_a_temporary_key_goes_with_its_token_which_is_signed_too(
    registry: Registry, bedrock_wire: ChatWire
) -> None:
    credential = Credential(
        provider="bedrock",
        base_url=base_url(bedrock_wire),
        api_key=ApiKey(KEY),
        access_key_id=KEY_ID,
        session_token=ApiKey("a/token+of=aws"),
        region="eu-central-1",
    )

    await answer_of(registry.adapter(f"bedrock/{MODEL}", credential)[0], CALL)

    seen = bedrock_wire.requests[0]
    assert is_signed(seen, KEY)
    assert seen.headers["x-amz-security-token"] == "a/token+of=aws"
    assert "x-amz-security-token" in seen.headers["authorization"]
    assert credential.secrets == [KEY, "a/token+of=aws", KEY_ID]
    assert "token+of" not in repr(credential)


@pytest.mark.parametrize(
    ("credential", "error"),
    [
        ({}, CredentialMissing),
        ({"base_url": "http://127.0.0.1:9", "region": "eu-central-1"}, CredentialMissing),
        ({"api_key": ApiKey(KEY)}, BadRegion),
        ({"api_key": ApiKey(KEY), "access_key_id": KEY_ID, "base_url": "http://127.0.0.1:9"}, BadRegion),
    ],
)
async def test_without_a_key_or_a_place_nobody_is_called(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, credential: dict[str, Any], error: type[Exception]
) -> None:
    for name, value in {**DIRTY, "AWS_REGION": "us-west-2", "AWS_DEFAULT_REGION": "us-west-2"}.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(error):
        registry.adapter("bedrock/m", Credential(provider="bedrock", **credential))


@pytest.mark.parametrize("region", ["evil.example/", "eu-central-1.evil.example", "eu_central_1", "169.254.169.254"])
def test_a_region_cannot_name_another_host(region: str) -> None:
    with pytest.raises(BadRegion):
        Credential(provider="bedrock", api_key=ApiKey(KEY), region=region)


def test_a_key_id_cannot_bring_a_header_along() -> None:
    with pytest.raises(BadKey):
        Credential(provider="bedrock", api_key=ApiKey(KEY), access_key_id="AKIA\r\nx: y")


async def test_what_a_model_thought_goes_back_to_it_unchanged(adapter: Adapter, bedrock_wire: ChatWire) -> None:
    bedrock_wire.queue(answer(Thought("Let me", signature="c2ln"), Redacted(b"\x00\xff"), Call("look")))
    _, first = await answer_of(adapter, CALL)
    called = first.items[-1]["call_id"]
    output = {"type": "function_call_output", "call_id": called, "output": "seen"}

    await answer_of(adapter, msgspec.structs.replace(CALL, items=[*CALL.items, *first.items, output]))

    assert bedrock_wire.requests[1].messages[1:] == [
        {
            "role": "assistant",
            "content": [
                {"reasoningContent": {"reasoningText": {"text": "Let me", "signature": "c2ln"}}},
                {"reasoningContent": {"redactedContent": "AP8="}},
                {"toolUse": {"toolUseId": called, "name": "look", "input": {}}},
            ],
        },
        {"role": "user", "content": [{"toolResult": {"toolUseId": called, "content": [{"text": "seen"}]}}]},
    ]
