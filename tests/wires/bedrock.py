"""What Bedrock's ConverseStream answers, in its binary frames, played by the same sockets as the chat wire's.

wire.queue(answer(Thought("Hm.", signature="sig"), Call("search_todos", {"query": "milk"})))
wire.queue(answer("Half an ans", stop="max_tokens"))
wire.queue(fault(429, "ThrottlingException", retry_after="7"))
"""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from hmac import new as hmac
from struct import pack
from typing import Any
from urllib.parse import quote
from zlib import crc32

import msgspec

from tests.wires.chat import ChatWire, Seen, chat_server
from tests.wires.script import Call, Ending, Script, Step, words

CONTENT_TYPE = "application/vnd.amazon.eventstream"


@dataclass(frozen=True)
class Thought:
    text: str = ""
    signature: str = "c2lnbmVk"


@dataclass(frozen=True)
class Redacted:
    data: bytes = b"sealed"


Part = str | Thought | Redacted | Call | Step


def frame(payload: bytes, **headers: str) -> bytes:
    """Headers as keywords: `message_type="event"`."""
    packed = b""
    for name, value in headers.items():
        wire_name = f":{name.replace('_', '-')}".encode()
        packed += pack("!B", len(wire_name)) + wire_name + pack("!BH", 7, len(value.encode())) + value.encode()
    prelude = pack("!II", len(packed) + len(payload) + 16, len(packed))
    whole = prelude + pack("!I", crc32(prelude)) + packed + payload
    return whole + pack("!I", crc32(whole))


def event(kind: str, **members: Any) -> bytes:
    """With the padding that hides how long each piece is."""
    body = msgspec.json.encode({**members, "p": "abcdefghijk"})
    return frame(body, event_type=kind, content_type="application/json", message_type="event")


def exception(kind: str, message: str = "sk-secret said: no") -> bytes:
    body = msgspec.json.encode({"message": message})
    return frame(body, exception_type=kind, content_type="application/json", message_type="exception")


def delta(index: int, **members: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=index, delta=members)


def answer(
    *parts: Part,
    usage: dict[str, int] | None = None,
    stop: str | None = "",
    metadata: bool = True,
    gap: float | None = None,
    split: int | str | None = None,
    ending: Ending = Ending.CLEAN,
) -> Script:
    """One event a word. Without a stop reason of yours it is the one that fits; None leaves it out."""
    steps: list[Step] = [event("messageStart", role="assistant")]
    blocks = 0
    for part in parts:
        if isinstance(part, str | Thought | Redacted | Call):
            steps += [*_block(part, blocks), event("contentBlockStop", contentBlockIndex=blocks)]
            blocks += 1
        else:
            steps.append(part)
    if ending is Ending.CLEAN and stop is not None:
        calls = any(isinstance(part, Call) for part in parts)
        steps.append(event("messageStop", stopReason=stop or ("tool_use" if calls else "end_turn")))
        if metadata:
            counts = usage or {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15}
            steps.append(event("metadata", usage=counts, metrics={"latencyMs": 7}))
    if gap:
        steps = [each for step in steps for each in ((step, gap) if isinstance(step, bytes) else (step,))]
    return raw(*steps, split=split, ending=ending)


def raw(
    *steps: Step, content_type: str = CONTENT_TYPE, split: int | str | None = None, ending: Ending = Ending.CLEAN
) -> Script:
    headers = {"content-type": content_type, "x-amzn-requestid": "req-7"}
    return Script(steps, headers=headers, split=split, ending=ending)


def fault(status: int, kind: str, message: str = "sk-secret said: no", **headers: str) -> Script:
    """A refusal. Headers as keywords: `retry_after="7"`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named |= {"x-amzn-errortype": f"{kind}:http://internal.amazon.com/coral/", "x-amzn-requestid": "req-7"}
    body = msgspec.json.encode({"message": message})
    return Script((body,), status=status, headers={"content-type": "application/json"} | named)


def _block(part: str | Thought | Redacted | Call, index: int) -> list[bytes]:
    match part:
        case str():
            return [delta(index, text=word) for word in words(part)]
        case Thought():
            thought = [delta(index, reasoningContent={"text": word}) for word in words(part.text)]
            return [
                *thought,
                *([delta(index, reasoningContent={"signature": part.signature})] if part.signature else []),
            ]
        case Redacted():
            return [delta(index, reasoningContent={"redactedContent": b64encode(part.data).decode()})]
    arguments = part.arguments if isinstance(part.arguments, str) else msgspec.json.encode(part.arguments).decode()
    size = max(1, len(arguments) // 3)
    start = event(
        "contentBlockStart", contentBlockIndex=index, start={"toolUse": {"toolUseId": part.id, "name": part.name}}
    )
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return [start, *(delta(index, toolUse={"input": piece}) for piece in pieces)]


def is_signed(seen: Seen, secret: str) -> bool:
    """Whether the request has the signature that AWS would expect, reckoned by its own description of the algorithm."""
    scheme, _, rest = seen.headers["authorization"].partition(" ")
    fields = dict(field.strip().split("=", 1) for field in rest.split(","))
    _, *scope = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")
    request = "\n".join(
        [
            "POST",
            quote(seen.path, safe="/~"),
            "",
            *(f"{name}:{' '.join(seen.headers[name].split())}" for name in names),
            "",
            fields["SignedHeaders"],
            sha256(seen.raw).hexdigest(),
        ]
    )
    text = "\n".join([scheme, seen.headers["x-amz-date"], "/".join(scope), sha256(request.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (*scope, text):
        key = hmac(key, part.encode(), sha256).digest()
    return scheme == "AWS4-HMAC-SHA256" and {"host", "x-amz-date"} <= set(names) and key.hex() == fields["Signature"]


def last_words(seen: Seen) -> str:
    """Of the user."""
    said = [each["content"][-1].get("text", "") for each in seen.messages if each["role"] == "user"]
    return str(said[-1]) if said else ""


def base_url(wire: ChatWire) -> str:
    return f"http://127.0.0.1:{wire.port}"


@asynccontextmanager
async def bedrock_server() -> AsyncIterator[ChatWire]:
    async with chat_server() as wire:
        wire.default = lambda seen: answer(f"You said: {last_words(seen)}")
        wire.probed = lambda _: fault(400, "ValidationException", "The provided model identifier is invalid.")
        yield wire
