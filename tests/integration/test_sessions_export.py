"""Whole conversations as files."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import anyio
import httpx
import pytest
from sqlalchemy import insert, update
from uuid_utils.compat import uuid7

from app.domain.runs.export import RUNS_A_PAGE, Exports
from app.domain.runs.models import Run
from app.domain.sessions.errors import SessionNotFound
from app.domain.sessions.service import SessionService
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.lib.runlog.tables import RunHead
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, SignUp, live_server
from tests.streams import said, shown, streamed
from tests.wires.chat import ChatWire
from tests.wires.script import Call, answer, refusal

CHAT = "/api/agents/chat/invoke"
TODO = "/api/todos/agent-create/stream"
EXPORT = "/api/sessions/s/export"


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test-0123456789"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake"})
    async with live_server(settings, registry=Registry({"openai": own}, demo_words_per_second=10_000)) as running:
        yield running


async def exported(client: httpx.AsyncClient) -> dict[str, Any]:
    response = await client.get(EXPORT)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def talk(run: dict[str, Any]) -> list[tuple[str, str]]:
    return [(entry["role"], entry["content"]) for entry in run["history"]]


async def test_a_conversation_is_exported_with_the_facts_of_its_runs(
    client: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Hello.", usage=(7, 3)), answer(Call("create_todo", {"item": "buy milk"})), answer("Noted."))
    await streamed(client, CHAT, said("Hi", session_id="s"))
    await streamed(client, TODO, said("add buy milk", session_id="s"))

    conversation = await exported(client)

    assert (conversation["id"], conversation["title"], conversation["history"]) == ("s", "Hi", [])
    first, second = conversation["runs"]
    known = (await client.get(f"/api/runs/{first['id']}")).json()
    for name in ("agent", "model", "state", "created_at", "started_at", "ended_at", "usage", "replaces"):
        assert first[name] == known[name], name
    assert (first["attempts"], first["interruptions"], first["partial"]) == (1, 0, False)
    assert (first["finish_reason"], first["error_code"], first["replaced_by"]) == ("stop", None, None)
    assert talk(first) == [("user", "Hi"), ("assistant", "Hello.")]
    called, result = second["history"][1:3]
    assert (called["tool_name"], called["arguments"]) == ("create_todo", {"item": "buy milk"})
    assert (result["role"], result["tool_call_id"]) == ("tool", called["tool_call_id"])
    assert "buy milk" in result["content"]
    assert talk(second)[-1] == ("assistant", "Noted.")


async def test_a_file_has_a_name(client: httpx.AsyncClient) -> None:
    await streamed(client, CHAT, said("Hi", session_id="s"))

    plain, markdown = await client.get(EXPORT), await client.get(EXPORT, params={"format": "markdown"})

    assert plain.headers["content-type"] == "application/json"
    assert plain.headers["content-disposition"] == 'attachment; filename="session-s.json"'
    assert markdown.headers["content-type"] == "text/markdown; charset=utf-8"
    assert markdown.headers["content-disposition"] == 'attachment; filename="session-s.md"'
    assert markdown.text.startswith("# Session `s`\n")
    assert "### User\n\n```text\nHi\n```\n" in markdown.text


async def test_what_a_client_brought_along_stands_before_the_runs(client: httpx.AsyncClient) -> None:
    before = [{"role": "user", "content": "one"}, {"role": "assistant", "content": "two"}]

    await streamed(client, CHAT, {"messages": [*before, {"role": "user", "content": "three"}], "session_id": "s"})

    conversation = await exported(client)
    assert conversation["history"] == before
    assert talk(conversation["runs"][0])[0] == ("user", "three")


async def test_a_run_that_goes_on_is_exported_as_far_as_it_is(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer(Call("create_todo", {"item": "buy milk"})), answer("Half an ", held, "answer."))
    started = await client.post(
        "/api/agents/todo/invoke", json=said("add it", session_id="s"), headers={"Prefer": "respond-async"}
    )
    async with client.stream("GET", f"/api/runs/{started.json()['id']}/events", timeout=15) as response:
        await shown(response, "Half an ")
        (run,) = (await exported(client))["runs"]
        markdown = (await client.get(EXPORT, params={"format": "markdown"})).text

    assert (run["state"], run["partial"], run["ended_at"]) == ("running", True, None)
    assert [entry["role"] for entry in run["history"]] == ["user", "assistant", "tool", "assistant"]
    assert run["history"][-1] == {"role": "assistant", "content": "Half an ", "partial": True}
    assert "Half an " in markdown
    assert "*(partial: running)*" in markdown
    held.set()


async def test_a_cancelled_answer_is_exported_and_marked(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer("Half an ", held))
    started = await client.post(CHAT, json=said("go", session_id="s"), headers={"Prefer": "respond-async"})
    path = f"/api/runs/{started.json()['id']}"
    async with client.stream("GET", f"{path}/events", timeout=15) as response:
        await shown(response, "Half an ")
    await client.post(f"{path}/cancel")
    held.set()

    (run,) = (await exported(client))["runs"]

    assert (run["state"], run["partial"]) == ("cancelled", True)
    assert run["history"][-1] == {"role": "assistant", "content": "Half an ", "partial": True}
    assert "*(partial: cancelled)*" in (await client.get(EXPORT, params={"format": "markdown"})).text


async def test_a_failed_run_tells_its_code(client: httpx.AsyncClient, chat_wire: ChatWire) -> None:
    chat_wire.queue(refusal(400, "no"))
    await streamed(client, CHAT, said("go", session_id="s"))

    (run,) = (await exported(client))["runs"]

    assert (run["state"], run["partial"]) == ("failed", True)
    assert run["error_code"] == (await client.get(f"/api/runs/{run['id']}")).json()["error"]["code"]
    assert talk(run) == [("user", "go")]


async def test_what_was_replaced_is_exported_and_says_so(client: httpx.AsyncClient) -> None:
    first = await streamed(client, CHAT, said("one", session_id="s"))
    replaced = first[0].data["run_id"]
    await streamed(client, CHAT, said("another", session_id="s", replaces=replaced))

    old, new = (await exported(client))["runs"]

    assert (old["id"], old["replaced_by"], new["replaces"]) == (replaced, new["id"], replaced)
    assert talk(old)[0] == ("user", "one")
    assert new["replaced_by"] is None
    history = (await client.get("/api/sessions/s/history")).json()["items"]
    assert [entry["content"] for entry in history if entry["role"] == "user"] == ["another"]
    assert all("replaced_by" not in entry for entry in history)


async def test_credentials_and_long_outputs_are_as_in_events(client: httpx.AsyncClient, db: Database) -> None:
    await streamed(client, CHAT, said("Hi", session_id="s"))
    owner = UUID((await client.get("/api/me")).json()["id"])
    call = {"type": "function_call", "call_id": "c", "name": "t", "arguments": '{"password": "hunter2"}'}
    output = {"type": "function_call_output", "call_id": "c", "output": f'{{"api_key": "sk-9", "x": "{"y" * 6000}"}}'}
    run_id = UUID((await exported(client))["runs"][0]["id"])
    async with db.writing() as db_session:
        sessions = SessionService.open(db_session, owner)
        await sessions.add_items((await sessions.find("s")).id, run_id, [call, output])

    for wanted in ("json", "markdown"):
        text = (await client.get(EXPORT, params={"format": wanted})).text

        assert "hunter2" not in text
        assert "sk-9" not in text
        assert "[REDACTED]" in text
        assert "... [truncated]" in text
        assert "y" * 5001 not in text


async def copies_of_a_run(db: Database, run_id: str, count: int) -> None:
    """Ended runs of the same session, each of which said its number."""
    async with db.writing() as db_session:
        run = await db_session.get_one(Run, UUID(run_id))
        row = {column.name: getattr(run, column.name) for column in Run.__table__.columns}
        ids = [uuid7() for _ in range(count)]
        await db_session.execute(insert(Run), [{**row, "id": copy} for copy in ids])
        await db_session.execute(insert(RunHead), [{"run_id": copy, "ended": True, "attempt": 2} for copy in ids])
        sessions = SessionService.open(db_session, run.owner_id)
        for number, copy in enumerate(ids):
            item = {"type": "message", "role": "user", "content": f"number {number}"}
            await sessions.add_items(run.session_id, copy, [item])


async def test_a_long_conversation_comes_page_by_page_and_whole(client: httpx.AsyncClient, db: Database) -> None:
    first = await streamed(client, CHAT, said("Hi", session_id="s"))
    count = 2 * RUNS_A_PAGE + 3
    await copies_of_a_run(db, first[0].data["run_id"], count)

    runs = (await exported(client))["runs"]

    assert len(runs) == count + 1
    assert [talk(run) for run in runs[1:]] == [[("user", f"number {number}")] for number in range(count)]
    assert {(run["attempts"], run["interruptions"]) for run in runs[1:]} == {(2, 1)}


async def test_a_session_deleted_meanwhile_is_not_exported_as_if_it_were_whole(
    client: httpx.AsyncClient, db: Database, server: LiveServer
) -> None:
    first = await streamed(client, CHAT, said("Hi", session_id="s"))
    await copies_of_a_run(db, first[0].data["run_id"], RUNS_A_PAGE)
    owner = UUID((await client.get("/api/me")).json()["id"])
    exports = Exports(db, SystemClock(), server.app.state.writer.store)
    export = await exports.begin(owner, "s")
    read = [await anext(export.runs) for _ in range(RUNS_A_PAGE)]

    await client.delete("/api/sessions/s")
    await streamed(client, CHAT, said("Hi again", session_id="s"))

    assert len(read) == RUNS_A_PAGE
    with pytest.raises(SessionNotFound):
        await anext(export.runs)


async def test_an_export_that_breaks_off_cannot_pass_for_a_whole_one(client: httpx.AsyncClient, db: Database) -> None:
    first = await streamed(client, CHAT, said("Hi", session_id="s"))
    await copies_of_a_run(db, first[0].data["run_id"], RUNS_A_PAGE)
    last = (await exported(client))["runs"][-1]["id"]
    async with db.writing() as db_session:  # what nobody can read: found only after the first page was sent
        await db_session.execute(update(Run).where(Run.id == UUID(last)).values(usage={"input_tokens": "many"}))

    with pytest.raises(httpx.RemoteProtocolError):
        await client.get(EXPORT)


async def test_someone_elses_session_and_none_are_the_same(sign_up: SignUp) -> None:
    owner, stranger = await sign_up(), await sign_up()
    await streamed(owner, CHAT, said("mine", session_id="s"))

    for path in (EXPORT, "/api/sessions/nobody-has-this/export", "/api/sessions/a%20b/export"):
        answer_ = await stranger.get(path)

        assert (answer_.status_code, answer_.json()["code"]) == (404, "session_not_found")


async def test_the_same_id_is_another_conversation_for_another_user(sign_up: SignUp) -> None:
    one, other = await sign_up(), await sign_up()
    await streamed(one, CHAT, said("of one", session_id="s"))
    await streamed(other, CHAT, said("of other", session_id="s"))

    for client, text in ((one, "of one"), (other, "of other")):
        (run,) = (await exported(client))["runs"]
        assert talk(run)[0] == ("user", text)


async def test_a_format_that_does_not_exist_is_refused(client: httpx.AsyncClient) -> None:
    await streamed(client, CHAT, said("Hi", session_id="s"))

    refused = await client.get(EXPORT, params={"format": "pdf"})

    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "format")


async def test_nobody_gets_anything_without_a_token(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get(EXPORT)).status_code == 401


async def test_the_description_of_the_api_knows_what_is_in_an_export(anonymous: httpx.AsyncClient) -> None:
    schema = (await anonymous.get("/schema/openapi.json")).json()

    answered = schema["paths"]["/api/sessions/{session_id}/export"]["get"]["responses"]["200"]
    assert answered["content"]["application/json"]["schema"]["$ref"].endswith("ExportedConversation")
    assert {"attempts", "interruptions", "partial"} <= schema["components"]["schemas"]["ExportedRun"][
        "properties"
    ].keys()
