"""Todos and tags over HTTP."""

from typing import Any
from uuid import uuid4

import anyio
import httpx


async def made(client: httpx.AsyncClient, **todo: Any) -> dict[str, Any]:
    response = await client.post("/api/todos", json={"item": "Milk", **todo})
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


async def test_a_todo_comes_back_as_it_was_made(client: httpx.AsyncClient) -> None:
    await client.post("/api/tags", json={"name": "Home"})

    todo = await made(
        client,
        item="Buy milk",
        description="Two litres",
        importance="high",
        start_time="2026-11-21T09:00:00+01:00",
        end_time="2026-11-21T09:30:00+01:00",
        tags=["home"],
    )
    read = await client.get(f"/api/todos/{todo['id']}")
    listed = await client.get("/api/todos")

    assert read.json() == todo
    assert listed.json() == {"items": [todo], "total": 1, "limit": 50, "offset": 0}
    assert {**todo, "id": "", "created_at": "", "updated_at": ""} == {
        "id": "",
        "item": "Buy milk",
        "description": "Two litres",
        "status": "pending",
        "importance": "high",
        "start_time": "2026-11-21T08:00:00Z",
        "end_time": "2026-11-21T08:30:00Z",
        "tags": ["Home"],
        "created_at": "",
        "updated_at": "",
    }


async def test_a_patch_tells_absent_from_null(client: httpx.AsyncClient) -> None:
    todo = await made(client, description="Two litres", start_time="2026-11-21T09:00Z", end_time="2026-11-21T10:00Z")

    absent = await client.patch(f"/api/todos/{todo['id']}", json={"status": "completed"})
    null = await client.patch(f"/api/todos/{todo['id']}", json={"description": None, "end_time": None})

    assert absent.json() == {**todo, "status": "completed", "updated_at": absent.json()["updated_at"]}
    assert (null.json()["description"], null.json()["end_time"]) == (None, None)
    assert null.json()["start_time"] == todo["start_time"]
    assert (await client.get(f"/api/todos/{todo['id']}")).json() == null.json()


async def test_a_time_without_an_offset_is_read_in_the_users_zone(client: httpx.AsyncClient) -> None:
    (await client.patch("/api/me", json={"time_zone": "America/New_York"})).raise_for_status()

    todo = await made(client, start_time="2026-11-21T09:00")
    moved = await client.patch(f"/api/todos/{todo['id']}", json={"start_time": "2026-07-21T09:00"})
    that_day = await client.get("/api/todos", params={"from": "2026-07-21", "to": "2026-07-21"})

    assert todo["start_time"] == "2026-11-21T14:00:00Z"
    assert moved.json()["start_time"] == "2026-07-21T13:00:00Z"
    assert that_day.json()["total"] == 1


async def test_lists_are_narrowed(client: httpx.AsyncClient) -> None:
    for name in ("work", "home"):
        await client.post("/api/tags", json={"name": name})
    await made(client, item="Write Report", tags=["work"], importance="urgent", start_time="2026-11-23T09:00Z")
    await made(client, item="Sweep", description="the whole report room", tags=["home"])
    await made(client, item="Trip", start_time="2026-11-20T10:00Z", end_time="2026-11-24T10:00Z", status="in_progress")

    for filters, items in (
        ({}, ["Trip", "Write Report", "Sweep"]),
        ({"status": "in_progress"}, ["Trip"]),
        ({"importance": "urgent"}, ["Write Report"]),
        ({"tag": "Home"}, ["Sweep"]),
        ({"tag": "nowhere"}, []),
        ({"q": "REPORT"}, ["Write Report", "Sweep"]),
        ({"q": "room report"}, ["Sweep"]),
        ({"from": "2026-11-22", "to": "2026-11-22"}, ["Trip"]),
        ({"from": "2026-11-23T09:00:00Z"}, ["Trip", "Write Report"]),
        ({"from": "2026-11-24T10:00:00Z"}, []),
        ({"to": "2026-11-20T10:00:00Z"}, []),
        ({"limit": 1, "offset": 1}, ["Write Report"]),
        ({"offset": 10}, []),
    ):
        answer = await client.get("/api/todos", params=filters)
        assert [todo["item"] for todo in answer.json()["items"]] == items, filters
    assert (await client.get("/api/todos", params={"offset": 10})).json()["total"] == 3


BAD_BODIES: list[dict[str, Any]] = [
    {},
    {"item": ""},
    {"item": "   "},
    {"item": None},
    {"item": "x" * 201},
    {"item": "x\x00"},
    {"item": 7},
    {"item": "x", "description": "x" * 5001},
    {"item": "x", "description": "\x00"},
    {"item": "x", "status": "done"},
    {"item": "x", "importance": "\x00"},
    {"item": "x", "tags": ["nowhere"]},
    {"item": "x", "tags": ["\x00"]},
    {"item": "x", "tags": ["x"] * 21},
    {"item": "x", "start_time": "tomorrow"},
    {"item": "x", "start_time": "\x00"},
    {"item": "x", "start_time": 1763712000},
    {"item": "x", "start_time": "0001-01-01T00:00:00+14:00"},
    {"item": "x", "start_time": "2026-11-21T09:00Z", "end_time": "2026-11-21T09:00Z"},
    {"item": "x", "owner_id": str(uuid4())},
    {"item": "x", "id": str(uuid4())},
]


async def test_a_bad_body_is_refused_and_changes_nothing(client: httpx.AsyncClient) -> None:
    todo = await made(client)

    for body in BAD_BODIES:
        added = await client.post("/api/todos", json=body)
        changed = await client.patch(f"/api/todos/{todo['id']}", json=body) if body else added

        for response in (added, changed):
            assert response.status_code in {400, 422}, (body, response.text)
            assert response.headers["content-type"] == "application/problem+json"
    assert (await client.get("/api/todos")).json()["items"] == [todo]


async def test_the_end_is_compared_with_the_start_that_is_there(client: httpx.AsyncClient) -> None:
    todo = await made(client, start_time="2026-11-21T09:00Z", end_time="2026-11-21T10:00Z")

    response = await client.patch(f"/api/todos/{todo['id']}", json={"start_time": "2026-11-21T10:00Z"})

    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": "/end_time", "detail": "The end must be after the start."}]


BAD_QUERIES = [
    *("status=done", "importance=7", "limit=0", "limit=101", "limit=x", "offset=-1", "offset=99999999999999999999"),
    *("from=yesterday", "to=%00", "q=%00", "tag=%00", "q=" + "x" * 201, "from=0001-01-01", "to=9999-12-31"),
    "from=2026-11-23T09:00:00+01:00",  # an unescaped plus is a space
]


async def test_a_bad_query_is_refused(client: httpx.AsyncClient) -> None:
    for query in BAD_QUERIES:
        response = await client.get(f"/api/todos?{query}")

        assert response.status_code in {400, 422}, (query, response.text)
        assert response.headers["content-type"] == "application/problem+json"


async def test_a_bad_id_is_not_found(client: httpx.AsyncClient) -> None:
    for bad in ("7", "x", "%00", "null", "../me", str(uuid4()) + "0", "00000000"):
        for path in (f"/api/todos/{bad}", f"/api/tags/{bad}"):
            response = await client.delete(path)

            assert response.status_code in {400, 404, 405}, (path, response.text)


async def test_tags_are_unique_without_regard_to_case(client: httpx.AsyncClient) -> None:
    tag = await client.post("/api/tags", json={"name": " Straße "})
    again = await client.post("/api/tags", json={"name": "STRASSE"})

    assert (tag.status_code, again.status_code) == (201, 409)
    assert tag.json()["name"] == "Straße"
    assert again.json()["code"] == "tag_taken"
    assert (await client.get("/api/tags")).json() == {"items": [tag.json()], "total": 1, "limit": 100, "offset": 0}


async def test_a_deleted_tag_leaves_its_todos(client: httpx.AsyncClient) -> None:
    tag = (await client.post("/api/tags", json={"name": "home"})).json()
    todo = await made(client, tags=["home"])

    deleted = await client.delete(f"/api/tags/{tag['id']}")

    assert deleted.status_code == 204
    assert (await client.get(f"/api/todos/{todo['id']}")).json()["tags"] == []
    assert (await client.delete(f"/api/tags/{tag['id']}")).json()["code"] == "tag_not_found"


async def test_a_bad_tag_is_refused(client: httpx.AsyncClient) -> None:
    for name in ("", " ", "x" * 51, "\x00", None, 7):
        response = await client.post("/api/tags", json={"name": name})

        assert response.status_code in {400, 422}, name


async def test_changes_at_the_same_time_are_never_an_error_of_ours(client: httpx.AsyncClient) -> None:
    tag = (await client.post("/api/tags", json={"name": "home"})).json()
    todo = await made(client, tags=["home"])
    statuses: list[int] = []

    async def send(method: str, path: str, body: dict[str, Any] | None = None) -> None:
        statuses.append((await client.request(method, path, json=body)).status_code)

    async with anyio.create_task_group() as tasks:
        for n in range(4):
            tasks.start_soon(send, "PATCH", f"/api/todos/{todo['id']}", {"item": f"{n}", "tags": ["home"]})
            tasks.start_soon(send, "DELETE", f"/api/tags/{tag['id']}")
            tasks.start_soon(send, "POST", "/api/tags", {"name": "new"})
            tasks.start_soon(send, "DELETE", f"/api/todos/{todo['id']}")

    assert {*statuses} <= {200, 201, 204, 404, 409, 422}
    assert (statuses.count(201), statuses.count(204)) == (1, 2)
