"""Push notifications: each change once, signed, never in the way, and not to where nobody may call."""

import hashlib
from collections.abc import AsyncIterator

import anyio
import httpx
import jwt
import pytest

from app.domain.a2a.push import configs
from app.server.settings import Settings
from tests.a2a import message, old_message, rpc, streamed
from tests.hooks import Hook, hook_server
from tests.integration.conftest import SignUp


@pytest.fixture
def settings(settings: Settings) -> Settings:
    more = {"a2a_conformance": True, "tck_streaming_timeout": 0.2, "egress_allow": ["127.0.0.1"]}
    return settings.model_copy(update=more)


@pytest.fixture
async def hook() -> AsyncIterator[Hook]:
    async with hook_server() as made:
        yield made


async def test_each_change_is_told_once_and_signed(client: httpx.AsyncClient, hook: Hook) -> None:
    config = {"url": hook.url, "token": "tkn", "authentication": {"scheme": "Bearer", "credentials": "crd"}}
    sent = {**message("Go", "tck-input-required-1"), "configuration": {"taskPushNotificationConfig": config}}

    task = (await rpc(client, "SendMessage", sent)).result["task"]
    await hook.deliveries(2)
    await rpc(client, "SendMessage", message("Nothing.", "tck-complete-task-2", taskId=task["id"]))
    told = await hook.deliveries(4)

    states = [one.data["task"]["status"]["state"].removeprefix("TASK_STATE_") for one in told]
    assert states == ["WORKING", "INPUT_REQUIRED", "WORKING", "COMPLETED"]
    assert len({one.headers["X-Headgate-Delivery"] for one in told}) == 4
    assert {one.headers["X-A2A-Notification-Token"] for one in told} == {"tkn"}
    assert {one.headers["Authorization"] for one in told} == {"Bearer crd"}
    keys = jwt.PyJWKSet.from_dict((await client.get("/.well-known/jwks.json")).json())
    signature = told[-1].headers["X-Headgate-Signature"]
    claims = jwt.decode(signature, keys.keys[0].key, algorithms=["EdDSA"], audience=hook.url)
    assert claims["request_body_sha256"] == hashlib.sha256(told[-1].body).hexdigest()
    assert claims["jti"] == told[-1].headers["X-Headgate-Delivery"]
    kept = (await rpc(client, "ListTaskPushNotificationConfigs", {"taskId": task["id"]})).result["configs"]
    assert [(one["url"], one["authentication"]) for one in kept] == [(hook.url, {"scheme": "Bearer"})]


async def test_a_receiver_that_refuses_is_tried_again_in_the_words_it_knows(
    client: httpx.AsyncClient, hook: Hook
) -> None:
    hook.statuses = [503]
    config = {"pushNotificationConfig": {"url": hook.url}}
    sent = old_message("Go", "tck-complete-task-1")

    task = (await rpc(client, "message/send", {**sent, "configuration": config})).result
    told = await hook.deliveries(3)

    assert [one.data["status"]["state"] for one in told] == ["working", "working", "completed"]
    assert told[0].headers["X-Headgate-Delivery"] == told[1].headers["X-Headgate-Delivery"]
    assert (told[-1].data["kind"], told[-1].data["id"]) == ("task", task["id"])


async def test_no_redirect_is_followed(client: httpx.AsyncClient, hook: Hook) -> None:
    hook.statuses = [307]
    async with hook_server() as inside:
        hook.elsewhere = inside.url
        config = {"configuration": {"taskPushNotificationConfig": {"url": hook.url}}}
        await rpc(client, "SendMessage", {**message("Go", "tck-input-required-1"), **config})
        told = await hook.deliveries(2)

        assert told[0].body == told[1].body
        assert inside.received == []


async def test_a_receiver_that_hangs_holds_up_no_stream_and_no_other(client: httpx.AsyncClient, hook: Hook) -> None:
    hook.hold = anyio.Event()
    config = {"configuration": {"taskPushNotificationConfig": {"url": hook.url}}}

    async with hook_server() as other:
        task = (await rpc(client, "SendMessage", {**message("Go", "tck-input-required-1"), **config})).result["task"]
        second = {"taskId": task["id"], "url": other.url}
        assert (await rpc(client, "CreateTaskPushNotificationConfig", second)).result["url"] == other.url
        await hook.deliveries(1)
        with anyio.fail_after(5):
            last = message("Nothing.", "tck-complete-task-2", taskId=task["id"])
            await streamed(client, "SendStreamingMessage", last)
        told = await other.deliveries(2)

    assert [one.data["task"]["status"]["state"] for one in told] == ["TASK_STATE_WORKING", "TASK_STATE_COMPLETED"]
    assert len(hook.received) == 1


async def test_configurations_are_kept_listed_and_deleted(client: httpx.AsyncClient, sign_up: SignUp) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]
    url = "https://hooks.example.com/a"
    made = (await rpc(client, "CreateTaskPushNotificationConfig", {"taskId": task["id"], "url": url})).result
    named = {"taskId": task["id"], "pushNotificationConfig": {"id": "mine", "url": url, "token": "t"}}
    older = (await rpc(client, "tasks/pushNotificationConfig/set", named)).result
    stranger = await sign_up()

    place = {"taskId": task["id"], "id": made["id"]}
    assert (await rpc(client, "GetTaskPushNotificationConfig", place)).result == made
    listed = (await rpc(client, "tasks/pushNotificationConfig/list", {"id": task["id"]})).result
    assert [one["pushNotificationConfig"]["id"] for one in listed] == [made["id"], "mine"]
    unnamed = (await rpc(client, "tasks/pushNotificationConfig/get", {"id": task["id"]})).result
    assert unnamed["pushNotificationConfig"]["id"] == made["id"]
    assert older["pushNotificationConfig"]["token"] == "t"
    assert (await rpc(stranger, "GetTaskPushNotificationConfig", place)).error["code"] == -32001
    gone = await rpc(
        client, "tasks/pushNotificationConfig/delete", {"id": task["id"], "pushNotificationConfigId": "mine"}
    )
    assert gone.body == {"jsonrpc": "2.0", "id": 1, "result": None}
    assert (await rpc(client, "DeleteTaskPushNotificationConfig", place)).result is None
    assert (await rpc(client, "GetTaskPushNotificationConfig", place)).error["code"] == -32001
    none = await rpc(client, "tasks/pushNotificationConfig/get", {"id": task["id"]})
    assert (none.error["code"], none.error["data"]["code"]) == (-32001, "push_config_not_found")


async def test_no_receiver_is_inside_and_nobody_has_too_many(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configs, "MOST_OF_A_TASK", 1)
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]

    async def put(url: str) -> int:
        answer = await rpc(client, "CreateTaskPushNotificationConfig", {"taskId": task["id"], "url": url})
        return int(answer.body.get("error", {"code": 0})["code"])

    assert await put("http://169.254.169.254/latest") == -32602
    assert await put("https://10.0.0.1/hook") == -32602
    assert await put("https://hooks.example.com/a") == 0
    assert await put("https://hooks.example.com/b") == -32602
    begun = {**message("Go"), "configuration": {"taskPushNotificationConfig": {"url": "http://localhost/x"}}}
    assert (await rpc(client, "SendMessage", begun)).error["code"] == -32602
    assert (await client.get("/api/runs")).json()["total"] == 1


async def test_parallel_wishes_do_not_get_past_the_limit(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(configs, "MOST_OF_A_TASK", 3)
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]
    taken = []

    async def put(number: int) -> None:
        wish = {"taskId": task["id"], "url": f"https://hooks.example.com/{number}"}
        taken.append((await rpc(client, "CreateTaskPushNotificationConfig", wish)).body.get("error") is None)

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(put, number)

    assert taken.count(True) == 3
