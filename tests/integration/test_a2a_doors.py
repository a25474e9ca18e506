"""A2A's other doors: cards, REST, errors and limits, the feed for browsers, agents of one's own."""

from typing import Any

import httpx
import msgspec
import pytest

from app.server.settings import Settings
from tests.a2a import NEW, answer_of, frames_of, kinds, message, old_message, rpc, streamed
from tests.integration.conftest import SignUp

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # what is stored is tested elsewhere
REST = "/a2a/v1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"a2a_conformance": True, "tck_streaming_timeout": 0.2})


async def test_one_card_is_read_by_all_versions(anonymous: httpx.AsyncClient) -> None:
    cards = [await anonymous.get(path) for path in ("/.well-known/agent-card.json", "/.well-known/agent.json", "/a2a")]

    card = cards[0].json()
    assert [one.json() for one in cards] == [card] * 3
    assert (card["url"], card["preferredTransport"]) == (str(anonymous.base_url.join("/a2a")), "JSONRPC")
    assert {(one["protocolBinding"], one["protocolVersion"]) for one in card["supportedInterfaces"]} == {
        (binding, version) for binding in ("JSONRPC", "HTTP+JSON") for version in ("1.0", "0.3.0")
    }
    assert "no gRPC" in card["description"]
    assert card["capabilities"]["extensions"][0]["uri"] == "urn:headgate:a2a:event-ids:1"
    tag = cards[0].headers["ETag"]
    again = await anonymous.get("/.well-known/agent-card.json", headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)


async def test_the_card_of_an_agent_of_ones_own_needs_its_owner(
    anonymous: httpx.AsyncClient, client: httpx.AsyncClient, sign_up: SignUp
) -> None:
    agent = (await client.post("/api/agents", json={"name": "Planner", "description": "Plans."})).json()
    path = f"/a2a/agents/{agent['id']}/card"

    card = (await client.get(path)).json()
    assert (card["name"], card["url"].rpartition("/a2a/")[2]) == ("Planner", f"agents/{agent['id']}")
    assert (await anonymous.get(path)).status_code == 401
    assert (await (await sign_up()).get(path)).status_code == 404
    assert (await anonymous.get("/a2a/agents/todo/card")).status_code == 200
    extended = (await rpc(client, "GetExtendedAgentCard")).result
    older = (await rpc(client, "agent/getAuthenticatedExtendedCard")).result
    oldest = (await client.get("/agent/authenticatedExtendedCard")).json()
    for told in (extended, older, oldest):
        assert {skill["id"] for skill in told["skills"]} == {"conformance", "todo", "chat", agent["id"]}


async def test_nothing_but_the_public_cards_is_for_strangers(anonymous: httpx.AsyncClient) -> None:
    refused = [
        await anonymous.post("/a2a", json={}),
        await anonymous.post("/a2a/agents/chat", json={}),
        await anonymous.get(f"{REST}/tasks"),
        await anonymous.get("/a2a/stream?taskId=019ab000-0000-7000-8000-000000000000"),
        await anonymous.get("/agent/authenticatedExtendedCard"),
    ]

    assert [one.status_code for one in refused] == [401] * 5


async def test_rest_does_the_same_in_both_versions(client: httpx.AsyncClient) -> None:
    sent = await client.post(f"{REST}/message:send", json=message("Go", "tck-complete-task-1"), headers=NEW)
    task = sent.json()["task"]
    got = await client.get(f"{REST}/tasks/{task['id']}", headers=NEW)
    older = await client.get(f"{REST}/tasks/{task['id']}")
    listed = await client.get(f"{REST}/tasks?pageSize=1", headers=NEW)
    gone = await client.get(f"{REST}/tasks/nonsense", headers=NEW)
    over = await client.post(f"{REST}/tasks/{task['id']}:cancel", headers=NEW)
    nowhere = await client.get(f"{REST}/nonsense", headers=NEW)

    assert (answer_of(task), got.json()) == ("Hello from TCK", task)
    assert older.json()["status"]["state"] == "TASK_STATE_COMPLETED"
    assert [one["id"] for one in listed.json()["tasks"]] == [task["id"]]
    assert (gone.status_code, gone.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert gone.json()["error"]["details"][0]["reason"] == "TASK_NOT_FOUND"
    assert (over.status_code, over.json()["error"]["details"][0]["reason"]) == (400, "TASK_NOT_CANCELABLE")
    assert nowhere.status_code == 404


@pytest.mark.parametrize("headers", [NEW, {}], ids=["1.0", "0.3"])
async def test_rest_streams_in_both_versions(client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    body: dict[str, Any] = message("Go", "tck-stream-001-1")
    if not headers:
        body = {"message": {"messageId": "tck-stream-001-1", "role": "ROLE_USER", "content": [{"text": "Go"}]}}

    async with client.stream("POST", f"{REST}/message:stream", json=body, headers=headers, timeout=20) as response:
        frames = [frame async for frame in frames_of(response)]

    assert next(iter(frames[0].data)) == "task"
    assert frames[-1].data["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"
    assert any("artifactUpdate" in frame.data for frame in frames)
    assert frames[-1].id is not None


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("NoSuchMethod", {}, -32601),
        ("SendMessage", {}, -32602),
        ("SendMessage", {"message": "no object"}, -32602),
        ("message/send", {}, -32602),
        ("tasks/get", {"id": 7}, -32602),
        ("message/send", "no object", -32602),
        ("message/send", {"message": {"messageId": "m", "role": "user", "parts": [{"text": "of no kind"}]}}, -32602),
        ("SendMessage", message(""), -32602),
        ("SendMessage", message("x" * 10_001), -32602),
    ],
)
async def test_what_breaks_a_rule_is_told_in_json_rpc(
    client: httpx.AsyncClient, method: str, params: Any, code: int
) -> None:
    answer = await rpc(client, method, params)

    assert (answer.status, answer.error["code"]) == (200, code)
    assert "x" * 100 not in msgspec.json.encode(answer.body).decode()


async def test_a_client_of_1_is_told_which_field_is_missing(client: httpx.AsyncClient) -> None:
    reason, fields = (await rpc(client, "SendMessage", {})).error["data"]

    assert (reason["reason"], reason["metadata"]) == ("INVALID_PARAMS", {})
    assert fields["@type"].endswith("google.rpc.BadRequest")
    assert fields["fieldViolations"] == [{"field": "message", "description": "Field is required."}]


async def test_versions_and_contents_that_are_not_spoken_are_refused(client: httpx.AsyncClient) -> None:
    other = await rpc(client, "SendMessage", message("Go"), headers={"A2A-Version": "2.0"})
    file = {"message": {**message("")["message"], "parts": [{"raw": "dGNr", "mediaType": "application/x-other"}]}}
    unread = await client.post("/a2a", content=b"{", headers={"Content-Type": "application/json"})
    text = {"Content-Type": "text/plain", **NEW}
    unlike = await client.post("/a2a", content=msgspec.json.encode({"jsonrpc": "2.0"}), headers=text)
    unlike_rest = await client.post(f"{REST}/message:send", content=msgspec.json.encode(message("Go")), headers=text)
    unsaid = {"message": {"messageId": "m", "role": "ROLE_USER", "content": [{"text": ""}]}}
    unnamed = await client.post(f"{REST}/message:send", json=unsaid, headers={"A2A-Version": ""})

    assert other.error["code"] == -32009
    assert (await rpc(client, "SendMessage", file)).error["code"] == -32005
    assert unread.json()["error"]["code"] == -32700
    assert (unlike.status_code, unlike.json()["error"]["code"]) == (200, -32005)
    assert unlike_rest.status_code == 400
    assert unlike_rest.json()["error"]["details"][0]["reason"] == "CONTENT_TYPE_NOT_SUPPORTED"
    assert "a message needs a part" in unnamed.json()["error"]["message"]  # its content was read, so it was 0.3
    assert (await client.get("/api/runs")).json()["total"] == 0


async def test_an_agent_that_needs_approvals_asks_for_them(
    client: httpx.AsyncClient,
) -> None:
    agent = {"name": "Careful", "model": "demo/todo", "tools": ["create_todo"], "approve": ["*"]}
    path = f"/a2a/agents/{(await client.post('/api/agents', json=agent)).json()['id']}"

    task = (await rpc(client, "SendMessage", message("Add buy milk"), path=path)).result["task"]
    unclear = await rpc(client, "SendMessage", message("What for?", taskId=task["id"]), path=path)
    done = (await rpc(client, "SendMessage", message("approve", taskId=task["id"]), path=path)).result["task"]

    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    asked = task["status"]["message"]["parts"]
    assert "create_todo" in asked[0]["text"]
    assert asked[1]["data"]["tool_name"] == "create_todo"
    assert (unclear.error["code"], unclear.error["data"][1]["code"]) == (-32602, "answer_unclear")
    assert done["status"]["state"] == "TASK_STATE_COMPLETED"
    assert (await client.get("/api/todos")).json()["total"] == 1


async def test_all_there_is_is_said_to_older_clients_in_their_words(client: httpx.AsyncClient) -> None:
    """As everywhere, what is said is held to the schemas of their versions."""
    kinds_of_answer = ("artifact-file", "artifact-file-url", "artifact-data", "reject-task", "message-response")
    for name in (*kinds_of_answer, "artifact-text"):
        assert (await rpc(client, "message/send", old_message("Go", f"tck-{name}"))).result
    for name in ("stream-artifact-chunked", "input-required", "stream-artifact-file", "message-response"):
        assert await streamed(client, "message/stream", old_message("Go", f"tck-{name}"))
    task = (await rpc(client, "message/send", old_message("Go", "tck-input-required"))).result
    place, verb = {"id": task["id"]}, "tasks/pushNotificationConfig"
    authentication = {"schemes": ["Bearer"], "credentials": "secret"}
    config = {"url": "https://hooks.example.com", "id": "one", "token": "t", "authentication": authentication}

    set_params = {"taskId": task["id"], "pushNotificationConfig": config}
    assert (await rpc(client, f"{verb}/set", set_params)).result["pushNotificationConfig"]["id"] == "one"
    config_place = {**place, "pushNotificationConfigId": "one"}
    kept = (await rpc(client, f"{verb}/get", config_place)).result["pushNotificationConfig"]
    assert kept["authentication"] == {"schemes": ["Bearer"]}
    assert len((await rpc(client, f"{verb}/list", place)).result) == 1
    assert (await rpc(client, f"{verb}/delete", config_place)).result is None
    assert (await rpc(client, "tasks/get", place)).result["status"]["message"]["parts"][1]["kind"] == "data"
    assert (await rpc(client, "tasks/cancel", place)).result["status"]["state"] == "canceled"
    refused = [await rpc(client, "tasks/cancel", wrong) for wrong in ({"id": "nonsense"}, {}, place)]
    assert [one.error["code"] for one in refused] == [-32001, -32602, -32002]


class TestLimits:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"rate_limit_per_minute": 1})

    @pytest.mark.parametrize(("method", "params"), [("SendMessage", message), ("message/stream", old_message)])
    async def test_a_refusal_has_the_contracts_data_and_429(
        self, client: httpx.AsyncClient, method: str, params: Any
    ) -> None:
        await rpc(client, "SendMessage", message("Go", "tck-complete-task-1"))

        answer = await rpc(client, method, params("Go", "tck-complete-task-2"))
        rest = await client.post(f"{REST}/message:send", json=message("Go"), headers=NEW)

        data = answer.error["data"] if method == "message/stream" else answer.error["data"][1]
        assert (answer.status, answer.error["code"], answer.headers["Retry-After"]) == (
            429,
            -32029,
            str(data["retry_after"]),
        )
        assert {"kind", "current_usage", "monthly_limit", "remaining_quota", "reset_date", "message"} <= data.keys()
        assert (rest.status_code, rest.json()["error"]["status"]) == (429, "RESOURCE_EXHAUSTED")
        assert (await client.get("/api/runs")).json()["total"] == 1


async def test_a_browser_follows_a_task_with_a_ticket(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    sent = {**message("Go", "test-resubscribe-message-id-1"), "configuration": {"returnImmediately": True}}
    task = (await rpc(client, "SendMessage", sent)).result["task"]
    ticket = (await client.post("/api/tickets", json={"run_id": task["id"]})).json()["ticket"]
    address = f"/a2a/stream?taskId={task['id']}&ticket={ticket}"

    async with anonymous.stream("GET", address, timeout=20) as response:
        frames = [frame async for frame in frames_of(response)]

    told = [frame.data["type"] for frame in frames]
    assert (told[0], told[-1]) == ("task.created", "task.completed")
    assert frames[0].data["task"]["kind"] == "task"
    progress = [frame.data["partialResult"] for frame in frames if frame.data["type"] == "task.progress"]
    so_far = answer_of(frames[0].data["task"])
    assert so_far + "".join(progress) == answer_of(frames[-1].data["task"]) == "Still here. " * 10
    last = {"Last-Event-ID": str(frames[-1].id)}
    assert (await anonymous.get(address, headers=last)).status_code == 204
    other = await anonymous.get(f"/a2a/stream?taskId=019ab000-0000-7000-8000-000000000000&ticket={ticket}")
    assert other.status_code == 401


async def test_a_browser_is_told_why_a_task_failed(client: httpx.AsyncClient) -> None:
    task = (await rpc(client, "SendMessage", message("Go", "tck-input-required-1"))).result["task"]

    async with client.stream("GET", f"/a2a/stream?taskId={task['id']}", timeout=20) as response:
        frames = frames_of(response)
        assert (await anext(frames)).data["type"] == "task.created"
        await client.post(f"/api/runs/{task['id']}/cancel")
        rest = [frame.data async for frame in frames]

    assert rest[-1]["type"] == "task.status"
    assert rest[-1]["status"]["state"] == "canceled"


async def test_the_same_start_said_twice_is_one_task(client: httpx.AsyncClient) -> None:
    sent, again = message("Go", "tck-complete-task-1", contextId="c"), {"Idempotency-Key": "once"}

    first = await rpc(client, "SendMessage", sent, headers=again)
    second = await streamed(client, "SendStreamingMessage", sent, headers=again)

    assert kinds(second)[0] == "task submitted"
    assert second[0].result["task"]["id"] == first.result["task"]["id"]
    assert (await client.get("/api/runs")).json()["total"] == 1
    assert kinds(second)[-1] == "statusUpdate completed"


async def test_what_goes_wrong_inside_is_not_told(client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise RuntimeError("SELECT password FROM user_account")

    monkeypatch.setattr("app.domain.a2a.service.Tasks.get", broken)
    place = {"id": "019ab000-0000-7000-8000-000000000000"}

    told = [
        (await rpc(client, method, place)).body["error"]
        for method in ("GetTask", "CancelTask", "SubscribeToTask", "tasks/get", "tasks/resubscribe")
    ]
    rest = [await client.get(f"{REST}/tasks/{place['id']}", headers=headers) for headers in (NEW, {})]

    assert [(one["code"], one["message"]) for one in told] == [(-32603, "Internal error")] * 5
    assert [one.status_code for one in rest] == [500, 500]
    assert "SELECT" not in str(told) + "".join(one.text for one in rest)


class TestWithoutConformance:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"a2a_conformance": False})

    async def test_the_agent_of_the_conformance_tests_is_not_there(self, client: httpx.AsyncClient) -> None:
        card = (await client.get("/a2a")).json()
        path = "/a2a/agents/conformance"

        assert card["name"] == "chat"
        assert (await client.get(f"{path}/card")).status_code == 404
        refused = await rpc(client, "SendMessage", message("Go", "tck-complete-task-1"), path=path)
        assert (refused.error["code"], refused.error["data"][1]["code"]) == (-32602, "agent_not_found")
        task = (await rpc(client, "SendMessage", message("Go", "tck-complete-task-1"))).result["task"]
        assert answer_of(task) != "Hello from TCK"
        assert task["metadata"]["agent"] == "chat"
