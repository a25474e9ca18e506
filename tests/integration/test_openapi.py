"""The description of the API says what the API does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from app.server.settings import Settings
from tests.limits import UNLIMITED

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
STREAMS = {
    "post /api/agents/{agent_id}/invoke",
    "post /api/todos/agent-create/stream",
    "post /api/v1/chat/stream",
    "get /api/runs/{run_id}/events",
}
BY_ANOTHER_TOKEN = {"/api/access/refresh", "/api/access/logout"}
ASK = {"messages": [{"role": "user", "content": "Hello"}], "model": "demo/todo"}


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    """The description is the same for every database."""
    file = tmp_path / "headgate.db"
    file.write_bytes(sqlite_template.read_bytes())
    return Settings.model_validate({"data_dir": tmp_path, "jwt_secret": "test-secret-" + "x" * 32} | UNLIMITED)


@pytest.fixture
async def described(anonymous: httpx.AsyncClient) -> dict[str, Any]:
    description: dict[str, Any] = (await anonymous.get("/schema/openapi.json")).json()
    return description


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if "$ref" in part:
            yield part["$ref"]
        for member in part.values():
            yield from _references(member)
    elif isinstance(part, list):
        for member in part:
            yield from _references(member)


def _schema(described: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = described["components"]["schemas"][name]
    return found


async def test_every_operation_says_what_it_answers(described: dict[str, Any]) -> None:
    wrong = []
    for name, operation in _operations(described):
        successes = {status: answer for status, answer in operation["responses"].items() if int(status) < 400}
        if not successes:
            wrong.append(f"{name} never succeeds")
        for status, answer in successes.items():
            content = answer.get("content", {})
            empty = [media for media, told in content.items() if not told.get("schema")]
            if empty or bool(content) == (status == "204"):
                wrong.append(f"{name} {status} {content}")

    assert wrong == []


async def test_every_refusal_is_a_problem(described: dict[str, Any]) -> None:
    wrong = []
    for name, operation in _operations(described):
        refusals = {status: answer for status, answer in operation["responses"].items() if int(status) >= 400}
        wrong += [f"{name} {status}" for status, answer in refusals.items() if answer["content"] != PROBLEM]
        expected = {"400", "500", "503"}
        expected |= {"401"} if operation.get("security") != [] else set()
        expected |= {"408", "413", "415", "422"} if "requestBody" in operation else set()
        expected |= {"404"} if "{" in name else set()
        wrong += [f"{name} without {status}" for status in expected - refusals.keys()]
        wrong += [
            f"{name} without a description of {status}" for status in refusals if not refusals[status]["description"]
        ]
        wrong += [f"{name} {status} without Retry-After" for status in {"429", "503"} & refusals.keys()
                  if "Retry-After" not in refusals[status]["headers"]]  # fmt: skip

    assert wrong == []
    assert _schema(described, "Problem")["required"] == [
        "type", "title", "status", "detail", "code", "request_id", "retryable",
    ]  # fmt: skip


async def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}

    assert {*_references(described)} <= known
    assert described["openapi"].startswith("3.1")


async def test_streams_are_described_as_events(described: dict[str, Any]) -> None:
    events = {"schema": {"$ref": "#/components/schemas/RunEventEnvelope"}}
    content = {
        name: operation["responses"].get("200", {}).get("content", {}) for name, operation in _operations(described)
    }

    streams = {name: media["text/event-stream"] for name, media in content.items() if "text/event-stream" in media}
    assert streams.keys() >= STREAMS
    assert [name for name, media in streams.items() if media != events] == []
    invoke = described["paths"]["/api/agents/{agent_id}/invoke"]["post"]["responses"]
    json = invoke["200"]["content"]["application/json"]["schema"]
    assert {*_references(json)} == {"#/components/schemas/RunView", "#/components/schemas/RunWithHistory"}
    assert {*_references(invoke["202"])} == {"#/components/schemas/RunView"}
    assert "content" not in described["paths"]["/api/runs/{run_id}/events"]["get"]["responses"]["204"]
    history = _schema(described, "RunWithHistory")["properties"]["history"]
    assert history["items"] == {"$ref": "#/components/schemas/HistoryEntry"}


async def test_every_event_has_a_schema(described: dict[str, Any]) -> None:
    stored = {one["properties"]["event"]["const"] for one in _schema(described, "StoredRunEvent")["oneOf"]}
    union, *others = _schema(described, "RunEventEnvelope")["oneOf"]

    assert {"session_initialized", "message_delta", "tool_result", "completed", "error"} <= stored
    assert union == {"$ref": "#/components/schemas/StoredRunEvent"}
    assert {one["properties"]["event"]["const"] for one in others} == {"batch", "history", "reset"}


async def test_what_a_stream_sends_is_what_was_described(described: dict[str, Any], client: httpx.AsyncClient) -> None:
    """Names and required members; the types are msgspec's own on both sides."""
    stream = await client.post("/api/todos/agent-create/stream?envelope=true", json=ASK)
    sent = [msgspec.json.decode(line[6:]) for line in stream.text.split("\n") if line.startswith("data: ")]
    kinds = [*_schema(described, "StoredRunEvent")["oneOf"], *_schema(described, "RunEventEnvelope")["oneOf"][1:]]
    data = {kind["properties"]["event"]["const"]: kind["properties"]["data"] for kind in kinds}

    assert {event["event"] for event in sent} >= {"session_initialized", "message_delta", "completed", "history"}
    for event in sent:
        told, value = data[event["event"]], event["data"]
        values = value if told.get("type") == "array" else [value]
        schema = _schema(described, str(told.get("items", told)["$ref"]).rpartition("/")[2])
        for one in values:
            assert {*schema["required"]} <= one.keys() <= schema["properties"].keys()


async def test_a_body_that_may_be_left_out_is_described_so(described: dict[str, Any]) -> None:
    optional = {
        name for name, operation in _operations(described) if operation.get("requestBody", {}).get("required") is False
    }

    assert optional >= {"post /api/runs/{run_id}/cancel", "post /api/access/refresh", "post /api/access/logout"}
    assert "post /api/access/login" not in optional


async def test_who_needs_a_token_is_described(described: dict[str, Any], anonymous: httpx.AsyncClient) -> None:
    wrong = []
    for name, operation in _operations(described):
        method, path = name.split()
        address = re.sub(r"{\w+}", str(uuid4()), path.replace("{version}", "1"))
        answer = await anonymous.request(method, address, json={})
        needs = answer.status_code == 401 and path not in BY_ANOTHER_TOKEN
        if needs == (operation.get("security") == []):
            wrong.append((name, answer.status_code))

    assert wrong == []


@pytest.mark.parametrize(
    ("headers", "status", "media_type"),
    [
        ({"accept": "text/event-stream"}, 200, "text/event-stream"),
        ({"accept": "application/json, text/event-stream;q=0.1"}, 200, "application/json"),
        ({"accept": "text/event-stream;q=0"}, 200, "application/json"),
        ({"prefer": 'wait=5, respond-async; why="a, b"'}, 202, "application/json"),
        ({"prefer": "never-respond-async"}, 200, "application/json"),
    ],
)
async def test_invoking_answers_in_the_way_that_was_asked_for(
    client: httpx.AsyncClient, headers: dict[str, str], status: int, media_type: str
) -> None:
    answer = await client.post("/api/agents/todo/invoke", json=ASK, headers=headers)

    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, media_type)
    assert answer.headers.get("preference-applied") == ("respond-async" if status == 202 else None)
    assert answer.headers["location"].startswith("/api/runs/")


async def test_starts_and_streams_say_how_they_can_be_asked_for(described: dict[str, Any]) -> None:
    parameters = {
        name: {(parameter["in"], parameter["name"]) for parameter in operation.get("parameters", ())}
        for name, operation in _operations(described)
    }
    refusals = {name: operation["responses"].get("422", {}) for name, operation in _operations(described)}
    starts = (STREAMS | {"post /api/todos/agent-create"}) - {"get /api/runs/{run_id}/events"}

    assert [name for name in STREAMS if not {("query", "batch"), ("query", "envelope")} <= parameters[name]] == []
    assert [name for name in starts if ("header", "Idempotency-Key") not in parameters[name]] == []
    assert [name for name in starts if "`idempotency_key_reused`" not in refusals[name]["description"]] == []
