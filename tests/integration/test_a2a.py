"""A2A over JSON-RPC: a task is a run, in the words of each version."""

import json
from typing import Any
from uuid import uuid4

import anyio
import httpx
import msgspec
import pytest

from app.server.settings import Settings
from tests.a2a import NEW, answer_of, frames_of, kinds, message, old_message, request, rpc, streamed, text_of
from tests.integration.conftest import SignUp


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The agent of the conformance tests does at once what it is told."""
    return settings.model_copy(update={"a2a_conformance": True, "tck_streaming_timeout": 0.2})


async def test_a_message_is_answered_with_its_task_when_it_has_ended(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Hello", "tck-complete-task-1", contextId="my context/ü"))).result[
        "task"
    ]

    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    assert task["contextId"] == "my context/ü"
    assert answer_of(task) == "Hello from TCK"
    assert [(one["messageId"], one["parts"]) for one in task["history"]] == [
        ("tck-complete-task-1", [{"text": "Hello"}])
    ]
    again = (await rpc(client, "GetTask", {"id": task["id"]})).result
    assert again == task
    assert task["metadata"].keys() == {"agent", "model", "sessionId"}
    run = (await client.get(f"/api/runs/{task['id']}")).json()
    assert (run["state"], run["agent"]) == ("completed", "conformance")


async def test_a_stream_begins_with_the_task_and_ends_with_its_end(client: httpx.AsyncClient) -> None:
    frames = await streamed(client, "SendStreamingMessage", message("Go", "tck-stream-artifact-chunked-1"))

    told = kinds(frames)
    assert told[:2] == ["task submitted", "statusUpdate working"]
    assert told[-1] == "statusUpdate completed"
    assert set(told[2:-1]) == {"artifactUpdate"}
    assert text_of(frames) == "chunk-1 chunk-2"
    assert frames[-2].result["artifactUpdate"]["lastChunk"]
    ids = [frame.id for frame in frames if frame.id is not None]
    assert ids == sorted(set(ids))
    task = (await rpc(client, "GetTask", {"id": frames[0].result["task"]["id"]})).result
    assert frames[-1].result["statusUpdate"]["status"] == task["status"]


async def test_older_clients_get_the_same_in_their_words(client: httpx.AsyncClient) -> None:
    frames = await streamed(client, "message/stream", old_message("Go", "tck-stream-001-1"))

    told = [(frame.result["kind"], frame.result.get("status", {}).get("state")) for frame in frames]
    assert told[0] == ("task", "submitted")
    assert told[1] == ("status-update", "working")
    assert told[-1] == ("status-update", "completed")
    assert [frame.result.get("final") for frame in frames][-1] is True
    task = (await rpc(client, "tasks/get", {"id": frames[0].result["id"]})).result
    assert (task["kind"], task["status"]["state"]) == ("task", "completed")
    assert answer_of(task) == "Stream hello from TCK"


async def test_what_a_task_asks_is_answered_by_a_message_to_it(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]
    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert task["status"]["message"]["parts"][0]["text"] == "What else is there to know?"

    follow_up = message("Nothing.", "tck-complete-task-2", taskId=task["id"], contextId=task["contextId"])
    frames = await streamed(client, "SendStreamingMessage", follow_up)

    assert kinds(frames)[0] == "task working"
    assert kinds(frames)[-1] == "statusUpdate completed"
    done = (await rpc(client, "GetTask", {"id": task["id"]})).result
    assert [one["parts"][0]["text"] for one in done["history"]] == ["Go", "What else is there to know?", "Nothing."]
    over = await rpc(client, "SendMessage", follow_up)
    assert over.error["code"] == -32004


async def test_a_task_asks_as_often_as_it_likes(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Go"))).result["task"]

    for text in ("First", "Second", "Third"):
        answered = (await rpc(client, "SendMessage", message(text, taskId=task["id"]))).result["task"]
        assert answered["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"

    said = [one["parts"][0]["text"] for one in answered["history"] if one["role"] == "ROLE_USER"]
    assert said == ["Go", "First", "Second", "Third"]
    last = (await rpc(client, "GetTask", {"id": task["id"], "historyLength": 2})).result["history"]
    assert last == answered["history"][-2:]


async def test_what_is_needed_may_be_a_permission(client: httpx.AsyncClient) -> None:
    """Only the agent of the conformance tests calls it so."""
    sent = message("Go", "tck-auth-required-1")
    frames = await streamed(client, "SendStreamingMessage", sent)
    task = (await rpc(client, "GetTask", {"id": frames[0].result["task"]["id"]})).result

    assert kinds(frames)[-1] == "statusUpdate auth_required"
    assert task["status"]["state"] == "TASK_STATE_AUTH_REQUIRED"
    follow_up = message("Yes", "tck-complete-task-1", taskId=task["id"])
    done = (await rpc(client, "SendMessage", follow_up)).result["task"]
    assert done["status"]["state"] == "TASK_STATE_COMPLETED"


async def test_a_task_at_work_takes_no_message_and_can_be_cancelled(client: httpx.AsyncClient) -> None:
    sent = message("Go", "test-resubscribe-message-id-1")
    params = {**sent, "configuration": {"returnImmediately": True}}
    task = (await rpc(client, "SendMessage", params)).result["task"]
    assert task["status"]["state"] == "TASK_STATE_SUBMITTED"

    busy = await rpc(client, "SendMessage", message("More", taskId=task["id"]))
    other = await rpc(client, "SendMessage", message("More", taskId=task["id"], contextId="another"))
    cancelled = (await rpc(client, "CancelTask", {"id": task["id"]})).result
    again = await rpc(client, "CancelTask", {"id": task["id"]})

    assert (busy.error["code"], busy.error["data"][1]["code"]) == (-32004, "task_working")
    assert other.error["code"] == -32602
    assert cancelled["status"]["state"] == "TASK_STATE_CANCELED"
    assert again.error["code"] == -32002
    runs = (await client.get("/api/runs")).json()
    assert runs["total"] == 1


async def test_who_was_cut_off_goes_on_after_the_last_event_it_knows(client: httpx.AsyncClient) -> None:
    body = request("SendStreamingMessage", message("Go", "test-resubscribe-message-id-1"))
    seen = []
    async with client.stream("POST", "/a2a", json=body, headers={"A2A-Version": "1.0"}) as response:
        async for frame in frames_of(response):
            seen.append(frame)
            if len(seen) == 4:
                break
    task_id = seen[0].result["task"]["id"]
    last = max(frame.id for frame in seen if frame.id is not None)

    rest = await streamed(client, "SubscribeToTask", {"id": task_id}, headers={"Last-Event-ID": str(last)})

    assert kinds(rest)[0] == "task working"
    assert answer_of(rest[0].result["task"]) == text_of(seen)
    whole = (await rpc(client, "GetTask", {"id": task_id})).result
    assert text_of(rest) == answer_of(whole) == "Still here. " * 10
    assert min(frame.id for frame in rest[1:] if frame.id is not None) > last
    late = await rpc(client, "SubscribeToTask", {"id": task_id})
    assert late.error["code"] == -32004


async def test_two_who_follow_are_told_the_same(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]
    told: list[list[dict[str, object]]] = []

    async def follow(*, task_status: anyio.abc.TaskStatus[None]) -> None:
        body = request("SubscribeToTask", {"id": task["id"]})
        async with client.stream("POST", "/a2a", json=body, headers={"A2A-Version": "1.0"}) as response:
            frames = frames_of(response)
            first = await anext(frames)
            task_status.started()
            told.append([first.data, *[frame.data async for frame in frames]])

    async with anyio.create_task_group() as tasks:
        await tasks.start(follow)
        await tasks.start(follow)
        await rpc(client, "SendMessage", message("Nothing.", "tck-complete-task-1", taskId=task["id"]))

    assert told[0] == told[1]
    assert len(told[0]) > 2


async def test_files_and_data_come_as_artifacts(client: httpx.AsyncClient) -> None:
    async def artifact(kind: str) -> dict[str, object]:
        task = (await rpc(client, "SendMessage", message("Go", f"tck-artifact-{kind}-1"))).result["task"]
        (found,) = task["artifacts"]
        (part,) = found["parts"]
        return part  # type: ignore[no-any-return]

    named = {"filename": "output.txt", "mediaType": "text/plain"}
    assert await artifact("file") == {"raw": "dGNr", **named}
    assert await artifact("file-url") == {"url": "https://example.com/output.txt", **named}
    assert await artifact("data") == {"data": {"key": "value", "count": 42.0}}
    assert await artifact("text") == {"text": "Generated text content"}


async def test_a_task_can_be_rejected_or_be_a_mere_message(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-reject-task-1"))).result["task"]
    said = (await rpc(client, "SendMessage", message("Go", "tck-message-response-1"))).result["message"]
    frames = await streamed(client, "SendStreamingMessage", message("Go", "tck-message-response-2"))

    assert task["status"]["state"] == "TASK_STATE_REJECTED"
    assert said["parts"] == [{"text": "Direct message response"}]
    assert kinds(frames) == ["message"]
    assert (await client.get(f"/api/runs/{task['id']}")).json()["state"] == "rejected"


async def test_tasks_are_listed_newest_first_a_page_at_a_time(client: httpx.AsyncClient) -> None:
    ids = []
    for number in range(3):
        sent = message("Go", f"tck-complete-task-{number}", contextId="a list")
        ids.append((await rpc(client, "SendMessage", sent)).result["task"]["id"])
    await rpc(client, "SendMessage", message("Go", "tck-complete-task-9", contextId="another"))

    first = (await rpc(client, "ListTasks", {"contextId": "a list", "pageSize": 2})).result
    token = {"contextId": "a list", "pageSize": 2, "pageToken": first["nextPageToken"]}
    second = (await rpc(client, "ListTasks", token)).result
    whole = (await rpc(client, "ListTasks", {"includeArtifacts": True})).result
    none = (await rpc(client, "ListTasks", {"status": "TASK_STATE_WORKING"})).result

    assert [task["id"] for task in first["tasks"] + second["tasks"]] == ids[::-1]
    assert (first["totalSize"], second["nextPageToken"]) == (3, "")
    assert "artifacts" not in first["tasks"][0]
    assert [answer_of(task) for task in whole["tasks"]] == ["Hello from TCK"] * 4
    assert none["tasks"] == []
    assert (await rpc(client, "ListTasks", {"pageToken": "nonsense"})).error["code"] == -32602
    assert (await rpc(client, "ListTasks", {"pageSize": 0})).error["code"] == -32602


PLACE = {"id": "{task}"}
CONFIG_PLACE = {"taskId": "{task}", "id": "one"}
OLD_CONFIG_PLACE = {"id": "{task}", "pushNotificationConfigId": "one"}
VERBS: list[tuple[str, dict[str, Any]]] = [
    *((method, PLACE) for method in ("GetTask", "CancelTask", "SubscribeToTask")),
    *((method, message("Go", taskId="{task}")) for method in ("SendMessage", "SendStreamingMessage")),
    ("CreateTaskPushNotificationConfig", {"taskId": "{task}", "url": "https://hooks.example.com"}),
    ("GetTaskPushNotificationConfig", CONFIG_PLACE),
    ("DeleteTaskPushNotificationConfig", CONFIG_PLACE),
    ("ListTaskPushNotificationConfigs", {"taskId": "{task}"}),
    *((method, PLACE) for method in ("tasks/get", "tasks/cancel", "tasks/resubscribe")),
    *((method, old_message("Go", taskId="{task}")) for method in ("message/send", "message/stream")),
    *((f"tasks/pushNotificationConfig/{verb}", OLD_CONFIG_PLACE) for verb in ("get", "delete")),
    *((f"tasks/pushNotificationConfig/{verb}", PLACE) for verb in ("get", "list")),
    (
        "tasks/pushNotificationConfig/set",
        {"taskId": "{task}", "pushNotificationConfig": {"url": "https://hooks.example.com"}},
    ),
]
ROUTES = [
    ("GET", "/a2a/v1/tasks/{task}"),
    ("POST", "/a2a/v1/tasks/{task}:cancel"),
    ("GET", "/a2a/v1/tasks/{task}:subscribe"),
    ("GET", "/a2a/v1/tasks/{task}/pushNotificationConfigs"),
    ("GET", "/a2a/v1/tasks/{task}/pushNotificationConfigs/one"),
    ("DELETE", "/a2a/v1/tasks/{task}/pushNotificationConfigs/one"),
    ("GET", "/a2a/stream?taskId={task}"),
]


async def test_another_users_task_is_not_there_on_any_verb(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]
    config = {"taskId": task["id"], "id": "one", "url": "https://hooks.example.com"}
    assert (await rpc(client, "CreateTaskPushNotificationConfig", config)).result["id"] == "one"
    stranger = await sign_up()

    async def refused(method: str, params: dict[str, Any], task_id: str) -> dict[str, Any]:
        told = msgspec.json.decode(msgspec.json.encode(params).replace(b"{task}", task_id.encode()))
        return (await rpc(stranger, method, told)).error

    for method, params in VERBS:
        theirs = await refused(method, params, task["id"])
        assert theirs == await refused(method, params, str(uuid4())), method
        assert theirs["code"] == -32001, method
    for verb, path in ROUTES:
        for headers in (NEW, {}):
            answer = await stranger.request(verb, path.format(task=task["id"]), headers=headers)
            assert answer.status_code == 404, (verb, path)
    assert (await rpc(stranger, "ListTasks")).result["tasks"] == []
    assert (await rpc(client, "GetTask", {"id": task["id"]})).result == task
    assert len((await rpc(client, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})).result["configs"]) == 1


@pytest.mark.parametrize("text", ["a\x00b", "x" * 50_000, "\ud800", "\u202e../%00'\"", "😀"])
async def test_any_text_may_be_the_name_of_a_context_or_a_message(client: httpx.AsyncClient, text: str) -> None:
    """What cannot be stored everywhere is refused, as in all of the API."""
    path, params = "/a2a/agents/chat", message("Go", text, contextId=text)
    body = request("SendMessage", {**params, "configuration": {"returnImmediately": True}})
    headers = {"Content-Type": "application/json", **NEW}
    answer = await client.post(path, content=json.dumps(body), headers=headers)  # msgspec writes no lone surrogates

    if text in {"\ud800", "a\x00b"}:
        assert answer.json()["error"]["code"] in {-32602, -32700}
        assert (await client.get("/api/runs")).json()["total"] == 0
        return
    task = answer.json()["result"]["task"]
    assert (task["contextId"], task["history"][0]["messageId"]) == (text, text)
    listed = (await rpc(client, "ListTasks", {"contextId": text}, path=path)).result["tasks"]
    assert [one["id"] for one in listed] == [task["id"]]
