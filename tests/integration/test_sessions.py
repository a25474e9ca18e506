"""Sessions over HTTP."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx

from app.domain.sessions.service import SessionService
from app.lib.clock import FixedClock
from app.lib.db.engine import Database
from tests.integration.conftest import SignUp


async def write(db: Database, client: httpx.AsyncClient, key: str, *items: dict[str, Any], minute: int = 0) -> None:
    """What a run leaves behind."""
    owner = UUID((await client.get("/api/me")).json()["id"])
    clock = FixedClock(datetime(2026, 11, 21, 9, minute, tzinfo=UTC))
    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner, clock=clock)
        session = await sessions.get_or_create(key, "Plan my week")
        await sessions.add_items(session.id, uuid4(), [*items])


def said(text: str) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": text}


async def test_the_newest_activity_comes_first(db: Database, client: httpx.AsyncClient) -> None:
    for minute, key in enumerate(("first", "second", "third", "first")):
        await write(db, client, key, said("hi"), minute=minute)

    page = (await client.get("/api/sessions", params={"limit": 2})).json()
    rest = (await client.get("/api/sessions", params={"limit": 2, "offset": 2})).json()

    assert [session["id"] for session in page["items"] + rest["items"]] == ["first", "third", "second"]
    assert (page["total"], page["limit"], page["offset"]) == (3, 2, 0)
    assert (rest["total"], rest["limit"], rest["offset"]) == (3, 2, 2)


async def test_a_session_says_what_it_is_about(db: Database, client: httpx.AsyncClient) -> None:
    await write(db, client, "s", said("hi"), minute=5)

    assert (await client.get("/api/sessions/s")).json() == {
        "id": "s",
        "title": "Plan my week",
        "created_at": "2026-11-21T09:05:00Z",
        "last_active_at": "2026-11-21T09:05:00Z",
    }


async def test_the_history_is_read_in_order_and_in_pages(db: Database, client: httpx.AsyncClient) -> None:
    await write(db, client, "s", *(said(f"line {n}") for n in range(5)))

    whole = (await client.get("/api/sessions/s/history")).json()
    part = (await client.get("/api/sessions/s/history?limit=2&offset=3")).json()

    assert [(entry["role"], entry["content"]) for entry in whole["items"]] == [("user", f"line {n}") for n in range(5)]
    assert [entry["seq"] for entry in part["items"]] == [4, 5]
    assert (part["total"], part["limit"], part["offset"]) == (5, 2, 3)


async def test_a_deleted_session_is_gone_with_its_history(db: Database, client: httpx.AsyncClient) -> None:
    await write(db, client, "s", said("secret plans"))
    await write(db, client, "other", said("hi"))

    assert (await client.delete("/api/sessions/s")).status_code == 204

    gone = [await client.get(f"/api/sessions/s{rest}") for rest in ("", "/history")]
    assert [(answer.status_code, answer.json()["code"]) for answer in gone] == [(404, "session_not_found")] * 2
    assert (await client.delete("/api/sessions/s")).status_code == 404
    assert [session["id"] for session in (await client.get("/api/sessions")).json()["items"]] == ["other"]


async def test_someone_elses_session_does_not_exist(db: Database, sign_up: SignUp) -> None:
    owner, stranger = await sign_up(), await sign_up()
    await write(db, owner, "s", said("mine"))

    async def ask(key: str) -> list[tuple[int, Any]]:
        path = f"/api/sessions/{key}"
        answers = [await stranger.get(path), await stranger.get(f"{path}/history"), await stranger.delete(path)]
        known = {"request_id"}
        return [(a.status_code, {k: v for k, v in a.json().items() if k not in known}) for a in answers]

    assert await ask("s") == await ask("nobody-has-this")
    assert {status for status, _ in await ask("s")} == {404}
    assert (await stranger.get("/api/sessions")).json()["total"] == 0
    assert (await owner.get("/api/sessions/s/history")).json()["items"][0]["content"] == "mine"


async def test_the_same_id_is_another_session_for_another_user(db: Database, sign_up: SignUp) -> None:
    one, other = await sign_up(), await sign_up()
    await write(db, one, "s", said("of one"))
    await write(db, other, "s", said("of other"))

    for client, content in ((one, "of one"), (other, "of other")):
        assert (await client.get("/api/sessions/s/history")).json()["items"][0]["content"] == content
        assert (await client.get("/api/sessions")).json()["total"] == 1

    await one.delete("/api/sessions/s")

    assert (await other.get("/api/sessions/s")).status_code == 200


async def test_a_strange_id_is_not_found(client: httpx.AsyncClient) -> None:
    for key in ("a.b", "a%20b", "a%0A", "x" * 129, "%F0%9F%98%80"):
        path = f"/api/sessions/{key}"

        answers = [await client.get(path), await client.get(f"{path}/history"), await client.delete(path)]

        assert [answer.status_code for answer in answers] == [404] * 3, key


async def test_a_page_that_cannot_be_is_refused(db: Database, client: httpx.AsyncClient) -> None:
    await write(db, client, "s", said("hi"))

    for query in ("limit=0", "limit=x", "limit=100000", "offset=-1", f"offset={2**70}"):
        for path in ("/api/sessions", "/api/sessions/s/history"):
            assert (await client.get(f"{path}?{query}")).status_code == 422, query


async def test_nobody_gets_anything_without_a_token(anonymous: httpx.AsyncClient) -> None:
    answers = [
        await anonymous.get("/api/sessions"),
        await anonymous.get("/api/sessions/s"),
        await anonymous.get("/api/sessions/s/history"),
        await anonymous.delete("/api/sessions/s"),
    ]

    assert {answer.status_code for answer in answers} == {401}
