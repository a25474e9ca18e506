"""AWS's own SDK reads the same fake provider: what it makes of a stream, our wire must make of it too."""

from functools import cache
from typing import Any

import anyio.to_thread
import boto3
import msgspec
import pytest
from botocore.config import Config

from app.lib.egress.policy import Policy
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import ModelCall
from app.lib.providers.registry import Registry
from tests.wires.bedrock import Redacted, Thought, answer, base_url, is_signed
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Script

SPLITS: list[int | str | None] = [1, 7, "random", None]
MODEL, KEY_ID, SECRET = "anthropic.claude-sonnet-4-5-20250929-v1:0", "AKIAEXAMPLE", "very/secret+of=aws"
FINISH = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "content_filtered": "content_filter"}
CACHED = {"inputTokens": 5, "outputTokens": 4, "totalTokens": 26, "cacheReadInputTokens": 10} | {
    "cacheWriteInputTokens": 7
}

Answer = tuple[str, list[tuple[str, str]], list[tuple[str, str, bytes]], tuple[int, int, int] | None, str]
"""Text, calls, reasoning (text, signature, redacted), usage (all input, cached, output), finish reason."""


def scripts(split: int | str | None) -> dict[str, Script]:
    both = Call("look", {"at": "a"}), Call("listen", {"to": '"b"\n'}, "call_2")
    return {
        "text": answer("The quick brown fox — 速い狐 🦊 — jumps.", split=split),
        "call": answer(Call("look", {"at": "Zürich", "n": 7}), split=split),
        "calls": answer("Both. ", *both, split=split),
        "reasoning": answer(Thought("Hm, well.", "c2ln"), Redacted(b"\x00\xff"), "So.", *both, split=split),
        "thoughts": answer(Thought("One.", "c2ln"), "So. ", Thought("Two.", "c2ln"), "And so.", split=split),
        "cut by length": answer("As long as", stop="max_tokens", split=split),
        "filtered": answer("As good as", stop="content_filtered", split=split),
        "no usage": answer("Free.", metadata=False, split=split),
        "cached": answer("Again.", usage=CACHED, split=split),
    }


@cache
def _session() -> Any:
    """With keys and region of its own: nothing of this machine's. It takes long to read what AWS has to offer."""
    return boto3.session.Session(KEY_ID, SECRET, region_name="eu-central-1")


def by_boto(url: str) -> Answer:
    client = _session().client(
        "bedrock-runtime", endpoint_url=url, config=Config(retries={"max_attempts": 1}, tcp_keepalive=False)
    )
    response = client.converse_stream(modelId=MODEL, messages=[{"role": "user", "content": [{"text": "?"}]}])
    text, reason, usage = "", "", None
    calls: dict[int, tuple[str, list[str]]] = {}
    thoughts: dict[int, list[Any]] = {}
    for event in response["stream"]:
        if "contentBlockStart" in event:
            started = event["contentBlockStart"]
            calls[started["contentBlockIndex"]] = (started["start"]["toolUse"]["name"], [])
        elif "contentBlockDelta" in event:
            index, delta = event["contentBlockDelta"]["contentBlockIndex"], event["contentBlockDelta"]["delta"]
            text += delta.get("text", "")
            if "toolUse" in delta:
                calls[index][1].append(delta["toolUse"]["input"])
            if "reasoningContent" in delta:
                thought = thoughts.setdefault(index, ["", "", b""])
                for at, name in enumerate(("text", "signature", "redactedContent")):
                    thought[at] += delta["reasoningContent"].get(name, type(thought[at])())
        elif "messageStop" in event:
            reason = FINISH[event["messageStop"]["stopReason"]]
        elif "metadata" in event:
            said = event["metadata"]["usage"]
            read = said.get("cacheReadInputTokens", 0)
            usage = said["inputTokens"] + read + said.get("cacheWriteInputTokens", 0), read, said["outputTokens"]
    client.close()
    called = [(name, "".join(pieces)) for name, pieces in calls.values()]
    return text, called, [(each[0], each[1], each[2]) for each in thoughts.values()], usage, reason


async def by_us(wire: ChatWire) -> Answer:
    call = ModelCall(model=MODEL, instructions=None, items=[{"role": "user", "content": "?"}])
    credential = Credential(
        provider="bedrock",
        base_url=base_url(wire),
        api_key=ApiKey(SECRET),
        access_key_id=KEY_ID,
        region="eu-central-1",
    )
    async with (
        Registry(egress=Policy(["127.0.0.1"])) as registry,
        registry.adapter(f"bedrock/{MODEL}", credential)[0].stream(call) as stream,
    ):
        text = "".join([delta.text async for delta in stream if not delta.reasoning])
    result = stream.answer
    calls = [(item["name"], item["arguments"]) for item in result.items if item["type"] == "function_call"]
    said = result.usage
    usage = (said.input_tokens, said.cached_tokens, said.output_tokens) if said.source == "provider" else None
    thoughts = [_thought(item) for item in result.items if item["type"] == "reasoning"]
    return text, calls, thoughts, usage, result.finish_reason


def _thought(item: dict[str, Any]) -> tuple[str, str, bytes]:
    sealed = msgspec.json.decode(item["encrypted_content"].removeprefix("bedrock:"))
    redacted = msgspec.convert(sealed.get("redacted", ""), bytes, strict=False)
    return "".join(part["text"] for part in item["summary"]), sealed.get("signature", ""), redacted


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_BEARER_TOKEN_BEDROCK", "AWS_PROFILE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", scripts(None))
@pytest.mark.parametrize("split", SPLITS)
async def test_both_clients_read_the_same(bedrock_wire: ChatWire, name: str, split: int | str | None) -> None:
    bedrock_wire.default = lambda _: scripts(split)[name]

    ours = await by_us(bedrock_wire)

    assert ours == await anyio.to_thread.run_sync(by_boto, base_url(bedrock_wire))
    first, second = bedrock_wire.requests
    assert first.path == second.path
    assert is_signed(first, SECRET)
    assert is_signed(second, SECRET)
    assert first.body == second.body


async def test_where_the_official_client_takes_a_cut_for_an_end_we_do_not(bedrock_wire: ChatWire) -> None:
    bedrock_wire.default = lambda _: answer("half", stop=None)

    assert (await anyio.to_thread.run_sync(by_boto, base_url(bedrock_wire)))[0] == "half"
    with pytest.raises(Exception, match="broke off"):
        await by_us(bedrock_wire)
