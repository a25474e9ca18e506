"""What a chunk of a provider's answer costs: our adapters through the Agents SDK's Runner, the official clients alone.

Both read the same bytes from the same process, ten answers at a time, over the same kind of event loop (boto3 has none:
it gets ten threads). What a call costs however long its answer is, is taken off: long answers less short ones. A
protocol that reads nothing of it says what of this is the socket's and the event loop's own.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import anthropic
import anyio
import anyio.to_thread
import boto3
import msgspec
import openai
from agents import Agent, Model, ModelResponse, RunConfig, Runner
from botocore.config import Config

from app.domain.runs.translate import completed, model_call
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.model import Adapter
from app.lib.providers.registry import Registry

LONG, SHORT, TIMES = 250, 50, 3
AT_ONCE, GAP_MS = 10, 5
SEVERAL = 8
_QUESTION = "Go on."
_WORD = "tok "

Read = Callable[[str, str], Awaitable[int]]
"""Reads the answer of a model (second) at a base URL (first), and counts the characters."""


class Cost(msgspec.Struct, frozen=True):
    """Microseconds of CPU for a chunk."""

    provider: str
    client: str
    single: float
    """Where each chunk comes in a read of its own."""
    single_official: float
    several: float
    """Where eight come in a read."""
    several_official: float


class _Through(Model):
    """An adapter as runs use it, except that what it says is counted and not stored."""

    def __init__(self, adapter: Adapter, model: str) -> None:
        self._adapter = adapter
        self._model = model
        self.heard = 0

    async def stream_response(self, *asked: Any, **_: Any) -> AsyncIterator[Any]:
        instructions, items, settings, tools, schema, handoffs, *_rest = asked
        call = model_call(
            model=self._model,
            instructions=instructions,
            items=items,
            settings=settings,
            tools=tools,
            output_schema=schema,
            handoffs=handoffs,
        )
        async with self._adapter.stream(call) as stream:
            stream.take = self._take
            async for delta in stream:
                self._take(delta)
        yield completed(stream.answer)

    def _take(self, delta: Any) -> bool:
        self.heard += len(delta.text)
        return True

    async def get_response(self, *_: Any, **__: Any) -> ModelResponse:
        raise NotImplementedError


def ours(registry: Registry, provider: str) -> Read:
    async def read(url: str, model: str) -> int:
        credential = Credential(provider=provider, base_url=url, api_key=ApiKey("sk-benchmark"), lent=True)
        through = _Through(*registry.adapter(f"{provider}/{model}", credential))
        agent: Agent[None] = Agent(name="chat", instructions="Be.", model=through)
        result = Runner.run_streamed(agent, _QUESTION, run_config=RunConfig(tracing_disabled=True))
        async for _ in result.stream_events():
            pass
        return through.heard

    return read


async def by_chat(url: str, model: str) -> int:
    async with openai.AsyncOpenAI(base_url=url, api_key="sk-benchmark") as client:
        asked: Any = [{"role": "user", "content": _QUESTION}]
        stream = await client.chat.completions.create(model=model, messages=asked, stream=True)
        return sum([len(chunk.choices[0].delta.content or "") async for chunk in stream if chunk.choices])


async def by_responses(url: str, model: str) -> int:
    async with openai.AsyncOpenAI(base_url=url, api_key="sk-benchmark") as client:
        stream = await client.responses.create(model=model, input=_QUESTION, stream=True)
        return sum([len(event.delta) async for event in stream if event.type == "response.output_text.delta"])


async def by_anthropic(url: str, model: str) -> int:
    heard = 0
    async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-benchmark") as client:
        asked: Any = [{"role": "user", "content": _QUESTION}]
        async for event in await client.messages.create(model=model, messages=asked, max_tokens=9, stream=True):
            if event.type == "content_block_delta" and event.delta.type == "text_delta":
                heard += len(event.delta.text)
    return heard


async def by_boto3(url: str, model: str) -> int:
    return await anyio.to_thread.run_sync(_by_boto3, url, model)


def _by_boto3(url: str, model: str) -> int:
    client: Any = boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name="eu-central-1",
        aws_access_key_id="AKIA",
        aws_secret_access_key="s",  # noqa: S106 - of nobody
        config=Config(retries={"total_max_attempts": 1}),
    )
    asked = [{"role": "user", "content": [{"text": _QUESTION}]}]
    events = client.converse_stream(modelId=model, messages=asked)["stream"]
    return sum(len(event["contentBlockDelta"]["delta"]["text"]) for event in events if "contentBlockDelta" in event)


OFFICIAL: dict[str, tuple[str, Read]] = {
    "openai": ("openai", by_chat),
    "openai_responses": ("openai", by_responses),
    "anthropic": ("anthropic", by_anthropic),
    "bedrock": ("boto3", by_boto3),
}


class Costs(msgspec.Struct, frozen=True):
    wires: list[Cost]
    socket: float
    """Of a protocol that reads nothing of it, where each chunk comes in a read of its own."""
    socket_several: float


class _Unread(asyncio.Protocol):
    def __init__(self, request: bytes) -> None:
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._request = request

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if data.endswith(b"0\r\n\r\n"):
            self.ended.set_result(None)


async def by_socket(url: str, model: str) -> int:
    """Bytes of a chat answer, unread."""
    host, port = url.removeprefix("http://").partition("/")[0].split(":")
    body = msgspec.json.encode({"model": model, "messages": []})
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: {host}\r\ncontent-length: {len(body)}\r\n\r\n"
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(lambda: _Unread(head.encode() + body), host, int(port))
    await protocol.ended
    transport.close()
    return int(model.partition("x")[0]) * len(_WORD)


async def adapters() -> Costs:
    with _replies() as urls:
        async with Registry() as registry:
            wires = []
            for provider, (client, official) in OFFICIAL.items():
                figures = [
                    await _cost(read, urls[provider], together)
                    for together in (1, SEVERAL)
                    for read in (ours(registry, provider), official)
                ]
                wires.append(Cost(provider, client, *figures))
        bare = [await _cost(by_socket, urls["openai"], together) for together in (1, SEVERAL)]
        return Costs(wires, *bare)


async def _cost(read: Read, url: str, together: int) -> float:
    await _spent(read, url, SHORT, together)
    costs = []
    for _ in range(TIMES):
        more = await _spent(read, url, LONG, together) - await _spent(read, url, SHORT, together)
        costs.append(more / (LONG - SHORT) * 1_000_000)
    return float(median(costs))


async def _spent(read: Read, url: str, words: int, together: int) -> float:
    """Seconds of this process's CPU for a chunk of each of the answers."""
    before = time.process_time()
    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(_checked, read, url, words, together)
    return (time.process_time() - before) / AT_ONCE


async def _checked(read: Read, url: str, words: int, together: int) -> None:
    heard = await read(url, f"{words}x{GAP_MS}x{together}")
    if heard != words * len(_WORD):
        raise RuntimeError(f"{url} was read to {heard} characters of {words} words")


@contextmanager
def _replies() -> Iterator[dict[str, str]]:
    """The base URLs of the fake providers, by the name of theirs."""
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.replies"],
        cwd=root, env={"PYTHONPATH": f"{root / 'src'}:{root}"}, stdout=subprocess.PIPE,
    )  # fmt: skip
    try:
        if process.stdout is None:
            raise RuntimeError("The fake providers have no voice.")
        yield msgspec.json.decode(process.stdout.readline(), type=dict[str, str])
    finally:
        process.terminate()
        process.wait()
