"""The checks that all of A2A is held to: none of them lets everything through."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from tests.a2a_exchange import Exchange, check_push
from tests.a2a_schemas import NEW, OLD, OLDEST, Misfit, check, check_card

MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "Go"}]}
TASK = {"id": "t", "contextId": "c", "status": {"state": "TASK_STATE_WORKING"}, "history": [MESSAGE]}
OLD_PART = {"kind": "text", "text": "Go"}
OLD_MESSAGE = {"kind": "message", "messageId": "m", "role": "user", "parts": [OLD_PART]}
OLD_TASK = {"kind": "task", "id": "t", "contextId": "c", "status": {"state": "working"}, "history": [OLD_MESSAGE]}
BOTH = [(NEW, "Task", TASK), (OLD, "Task", OLD_TASK), (OLDEST, "Task", OLD_TASK)]
Change = Callable[[dict[str, Any]], object]


def changed(value: dict[str, Any], change: Change) -> dict[str, Any]:
    copy: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    change(copy)
    return copy


@pytest.mark.parametrize(("version", "kind", "value"), BOTH)
def test_what_fits_is_let_through(version: str, kind: str, value: dict[str, Any]) -> None:
    check(version, kind, value)


@pytest.mark.parametrize(
    "change",
    [
        lambda task: task.update(more=1),
        lambda task: task["history"][0].update(more=1),
        lambda task: task["history"][0]["parts"][0].update(more=1),
        lambda task: task.pop("id"),
        lambda task: task["history"][0].pop("messageId"),
        lambda task: task["status"].pop("state"),
        lambda task: task.update(id=None),
        lambda task: task.update(metadata=None),
        lambda task: task["status"].update(state="running"),
        lambda task: task["history"][0].update(role="robot"),
        lambda task: task.update(history={}),
        lambda task: task["history"][0]["parts"][0].update(text=7),
        lambda task: task["history"][0]["parts"][0].pop("text"),
    ],
)
@pytest.mark.parametrize(("version", "kind", "value"), BOTH)
def test_what_does_not_is_refused(version: str, kind: str, value: dict[str, Any], change: Change) -> None:
    with pytest.raises(Misfit):
        check(version, kind, changed(value, change))


@pytest.mark.parametrize(
    "change",
    [
        lambda task: task["status"].update(state="TASK_STATE_UNSPECIFIED"),
        lambda task: task["status"].update(timestamp="2026-01-01T00:00:00+00:00"),
        lambda task: task["history"][0]["parts"][0].update(url="https://example.com"),
        lambda task: task["history"][0].update(message_id="m"),
    ],
)
def test_the_json_of_protocol_buffers_has_its_own_rules(change: Change) -> None:
    with pytest.raises(Misfit):
        check(NEW, "Task", changed(TASK, change))


def test_a_task_is_no_more_than_one_thing_at_a_time() -> None:
    check_push({"task": TASK})
    check_push(OLD_TASK)
    for wrong in ({"task": TASK, "message": MESSAGE}, {}, {**OLD_TASK, "final": True}):
        with pytest.raises(Misfit):
            check_push(wrong)


def said(method: str, path: str, asked: Any, answer: bytes, *, media_type: str = "application/json") -> None:
    exchange = Exchange(method, path, "1.0")
    exchange.asked = msgspec.json.encode(asked)
    exchange.begin(200, media_type)
    exchange.take(answer)
    exchange.end()


def rpc(method: str, **members: Any) -> None:
    answer = {"jsonrpc": "2.0", "id": 1, **members}
    said("POST", "/a2a", {"jsonrpc": "2.0", "id": 1, "method": method}, msgspec.json.encode(answer))


def test_an_answer_is_what_its_question_asked_for() -> None:
    rpc("GetTask", result=TASK)
    rpc("tasks/get", result=OLD_TASK)
    rpc("GetTask", error={"code": -32001, "message": "No."})
    rpc("DeleteTaskPushNotificationConfig", result=None)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("SendMessage", {"result": TASK}),
        ("GetTask", {"result": OLD_TASK}),
        ("tasks/get", {"result": TASK}),
        ("tasks/get", {"result": OLD_TASK, "more": 1}),
        ("GetTask", {"result": TASK, "error": {"code": -32001, "message": "No."}}),
        ("GetTask", {"error": {"code": "-32001", "message": "No."}}),
        ("GetTask", {"error": {"code": -32001, "message": "No.", "data": [{"reason": "NO"}]}}),
        ("tasks/get", {"error": {"code": -32001}}),
        ("NoSuchMethod", {"result": TASK}),
        ("GetTask", {}),
    ]
    for method, members in wrong:
        with pytest.raises(Misfit):
            rpc(method, **members)


def test_a_stream_is_nothing_but_frames() -> None:
    asked = {"jsonrpc": "2.0", "id": 1, "method": "SendStreamingMessage"}
    frame = b'data: {"jsonrpc":"2.0","id":1,"result":{"task":%b}}\n\n' % msgspec.json.encode(TASK)

    for answer in (frame, b"id: 7\n" + frame, b": ping\n\n" + frame, frame * 2):
        said("POST", "/a2a", asked, answer, media_type="text/event-stream")
    for answer in (frame[:-1], b"event: task\n" + frame, b"id: a\n" + frame, frame.replace(b'"id":"t",', b"")):
        with pytest.raises(Misfit):
            said("POST", "/a2a", asked, answer, media_type="text/event-stream")


def test_what_no_version_of_a_card_knows_is_refused() -> None:
    modes: dict[str, Any] = {"defaultInputModes": ["text/plain"], "defaultOutputModes": ["text/plain"]}
    skill = {"id": "s", "name": "s", "description": "s", "tags": ["s"]}
    interface = {"url": "https://example.com", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
    new: dict[str, Any] = {"supportedInterfaces": [interface], "capabilities": {"extendedAgentCard": True}}
    card: dict[str, Any] = {"name": "a", "description": "a", "version": "1", "url": "https://example.com"}
    card |= {"skills": [skill], "protocolVersion": "0.3.0", "preferredTransport": "JSONRPC", **modes, **new}

    check_card(card)
    for change in (
        lambda card: card.update(more=1),
        lambda card: card["skills"][0].update(more=1),
        lambda card: card["capabilities"].update(gRPC=False),
        lambda card: card.pop("url"),
        lambda card: card.pop("supportedInterfaces"),
        lambda card: card["skills"][0].pop("tags"),
    ):
        with pytest.raises(Misfit):
            check_card(changed(card, change))
