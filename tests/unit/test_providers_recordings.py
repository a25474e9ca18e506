"""Streams as providers and compatible servers send them, in whatever pieces the network makes of them."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest

from app.lib.providers.anthropic.decode import AnthropicDecoder
from app.lib.providers.bedrock.decode import BedrockDecoder
from app.lib.providers.bedrock.sealed import Origin
from app.lib.providers.chat.decode import ChatDecoder
from app.lib.providers.decoding import Decoder
from app.lib.providers.model import Delta
from app.lib.providers.responses.decode import ResponsesDecoder
from tests.wires.recordings import Expected, Recording, recordings

DECODERS: dict[str, Callable[[], Decoder]] = {
    "chat": lambda: ChatDecoder("openai", request_size=400),
    "responses": lambda: ResponsesDecoder("openai_responses", request_size=400, origin="here"),
    "anthropic": lambda: AnthropicDecoder("anthropic", request_size=400, origin="here", prefix="p"),
    "bedrock": lambda: BedrockDecoder("bedrock", origin=Origin("m", "p"), request_size=400),
}
ALL = recordings()


def splits(events: list[bytes]) -> Iterator[list[bytes]]:
    """One piece an event, all at once, 1 byte, 7 bytes, and pieces of random sizes, the same each time."""
    whole = b"".join(events)
    yield events
    yield [whole]
    for size in (1, 7):
        yield [whole[at : at + size] for at in range(0, len(whole), size)]
    chance, at, pieces = random.Random(len(whole)), 0, []  # noqa: S311 - it shall be the same each time
    while at < len(whole):
        size = chance.randint(1, 200)
        pieces.append(whole[at : at + size])
        at += size
    yield pieces


def played(recording: Recording, pieces: list[bytes]) -> Expected:
    """What the adapter makes of it, as the recording says what it shall be."""
    decoder = DECODERS[recording.wire]()
    deltas: list[Delta] = [delta for piece in pieces for delta in decoder.feed(piece)]
    deltas += decoder.end()
    usage, wanted = decoder.usage(), recording.expected
    found = Expected(
        text="".join(delta.text for delta in deltas if not delta.reasoning),
        reasoning="".join(delta.text for delta in deltas if delta.reasoning),
        source=usage.source if wanted.usage or wanted.source != "provider" else "provider",
    )
    if wanted.usage:
        counted = usage.input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cached_tokens
        found.usage = counted
    if decoder.failure is not None:
        found.failure = decoder.failure.reason
        return found
    answer = decoder.answer()
    found.finish = answer.finish_reason
    found.calls = [
        (item["name"], msgspec.json.decode(item["arguments"]))
        for item in answer.items
        if item["type"] == "function_call"
    ]
    found.items = None if wanted.items is None else [item["type"] for item in answer.items]
    found.citations = [note["url"] for note in annotations(answer.items)]
    return found


def annotations(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        note
        for item in items
        if item["type"] == "message"
        for part in item["content"]
        for note in part.get("annotations") or []
    ]


@pytest.mark.parametrize("recording", ALL, ids=[f"{each.wire}-{each.name}" for each in ALL])
def test_a_stream_means_the_same_in_any_pieces_and_with_any_line_ends(recording: Recording) -> None:
    for start, end in ((b"", b"\n"), (b"", b"\r\n"), (b"\xef\xbb\xbf", b"\r")):
        events = recording.with_line_ends(end)
        if recording.wire != "bedrock":
            events = [start + events[0], *events[1:]]
        for pieces in splits(events):
            assert played(recording, pieces) == recording.expected
