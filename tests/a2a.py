"""Speaking A2A as clients of each version do, without their SDKs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import msgspec

NEW = {"A2A-Version": "1.0"}


@dataclass
class Answer:
    status: int
    body: dict[str, Any]
    headers: httpx.Headers

    @property
    def result(self) -> Any:
        assert "result" in self.body, self.body
        return self.body["result"]

    @property
    def error(self) -> dict[str, Any]:
        assert "error" in self.body, self.body
        told: dict[str, Any] = self.body["error"]
        return told


@dataclass
class Frame:
    id: int | None
    data: dict[str, Any]

    @property
    def result(self) -> dict[str, Any]:
        told: dict[str, Any] = self.data["result"]
        return told


def message(text: str, message_id: str | None = None, **members: Any) -> dict[str, Any]:
    """Params of 1.0."""
    said = {"messageId": message_id or str(uuid4()), "role": "ROLE_USER", "parts": [{"text": text}], **members}
    return {"message": said}


def old_message(text: str, message_id: str | None = None, **members: Any) -> dict[str, Any]:
    """Params of 0.3 and 0.2.5."""
    said = {"messageId": message_id or str(uuid4()), "role": "user", "parts": [{"kind": "text", "text": text}]}
    return {"message": {"kind": "message", **said, **members}}


def headers_of(method: str) -> dict[str, str]:
    return NEW if method[0].isupper() else {}


def request(method: str, params: Any = None, request_id: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}


async def rpc(client: httpx.AsyncClient, method: str, params: Any = None, *, path: str = "/a2a", **more: Any) -> Answer:
    headers = {**headers_of(method), **more.pop("headers", {})}
    answer = await client.post(path, json=request(method, params), headers=headers, timeout=20, **more)
    return Answer(answer.status_code, answer.json(), answer.headers)


async def frames_of(response: httpx.Response) -> AsyncIterator[Frame]:
    assert response.headers["content-type"].startswith("text/event-stream"), await response.aread()
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            continue
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            assert "event" not in fields
            yield Frame(int(fields["id"]) if "id" in fields else None, msgspec.json.decode(fields["data"]))
            fields = {}


async def streamed(
    client: httpx.AsyncClient, method: str, params: Any, *, path: str = "/a2a", headers: dict[str, str] | None = None
) -> list[Frame]:
    """To its end."""
    sent = {**headers_of(method), **(headers or {})}
    async with client.stream("POST", path, json=request(method, params), headers=sent, timeout=20) as response:
        return [frame async for frame in frames_of(response)]


def kinds(frames: list[Frame]) -> list[str]:
    """Of 1.0: which member each holds, and the state where it has one."""
    told = []
    for frame in frames:
        (name, held), *_ = frame.result.items()
        state = held.get("status", {}).get("state", "")
        told.append(f"{name} {state.removeprefix('TASK_STATE_').lower()}".strip())
    return told


def text_of(frames: list[Frame]) -> str:
    """Of 1.0: what the chunks of the answer add up to."""
    text = ""
    for frame in frames:
        if "task" in frame.result:
            text = answer_of(frame.result["task"])
        if (update := frame.result.get("artifactUpdate")) and update["artifact"]["artifactId"] == "answer":
            said = "".join(part["text"] for part in update["artifact"]["parts"])
            text = text + said if update.get("append") else said
    return text


def answer_of(task: dict[str, Any]) -> str:
    """All texts of its artifacts."""
    return "".join(
        part["text"] for artifact in task.get("artifacts", []) for part in artifact["parts"] if "text" in part
    )
