"""What every exchange has: a request id, one shape of failure, CORS, safe headers. Down to the bytes on the socket."""

from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import uuid4

import anyio
import asyncpg
import httpx
import msgspec
import pytest
import structlog
from anyio.abc import ByteSendStream
from sqlalchemy import text

from app.lib.db.engine import Database
from app.server import bodies, edge, protocol
from app.server.edge import Edge
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.postgres import PostgresServer, free_port

ORIGIN = "https://app.example.com"
JSON = {"content-type": "application/json"}


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path) -> Settings:
    """The edge does not know which database is behind it."""
    file = tmp_path / "headgate.db"
    file.write_bytes(sqlite_template.read_bytes())
    return Settings.model_validate(
        {"data_dir": tmp_path, "jwt_secret": "test-secret-" + "x" * 32, "cors_origins": [ORIGIN]}
    )


def assert_problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"] == f"urn:problem:{code}"
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    assert body["retryable"] in {True, False}
    return body


async def test_every_answer_has_a_request_id_of_its_own(anonymous: httpx.AsyncClient) -> None:
    answers = [await anonymous.get(path) for path in ("/", "/health/live", "/api/nope", "/schema/openapi.json")]

    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)


async def test_a_sane_request_id_is_kept_and_a_strange_one_is_not(anonymous: httpx.AsyncClient) -> None:
    kept = await anonymous.get("/api/nope", headers={"x-request-id": "my-id.42"})
    replaced = await anonymous.get("/", headers={"x-request-id": "<script>" + "x" * 200})

    assert kept.headers["x-request-id"] == "my-id.42"
    assert_problem(kept, 404, "not_found")
    assert "<" not in replaced.headers["x-request-id"]


async def test_an_unknown_address_is_a_problem(anonymous: httpx.AsyncClient) -> None:
    for path in ("/api/nope", "/nope", "/api/access/login/nope", "/api//", "/%2e%2e/etc/passwd"):
        assert_problem(await anonymous.get(path), 404, "not_found")


async def test_a_method_that_is_not_there_says_which_are(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/access/login")

    assert_problem(answer, 405, "method_not_allowed")
    assert set(answer.headers["allow"].split(", ")) == {"OPTIONS", "POST"}


async def test_head_and_options_are_answered_everywhere(anonymous: httpx.AsyncClient) -> None:
    probe = await anonymous.head("/health/ready")
    options = await anonymous.options("/api/access/login")

    assert (probe.status_code, probe.content) == (200, b"")
    assert options.status_code == 204
    assert (await anonymous.head("/api/access/login")).status_code == 405
    assert (await anonymous.options("/api/nope")).status_code == 404


async def test_answers_are_not_sniffed_framed_or_kept(anonymous: httpx.AsyncClient) -> None:
    answer = await anonymous.get("/api/nope")

    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    assert "server" not in answer.headers


async def test_a_page_of_a_listed_origin_may_ask_and_then_call(anonymous: httpx.AsyncClient) -> None:
    preflight = await anonymous.options(
        "/api/access/login",
        headers={
            "origin": ORIGIN,
            "access-control-request-method": "POST",
            "access-control-request-headers": "authorization,content-type",
        },
    )
    call = await anonymous.post("/api/access/login", headers={"origin": ORIGIN, **JSON}, content=b"{}")

    assert preflight.status_code == 204
    allowed = {name.lower() for name in preflight.headers["access-control-allow-headers"].split(", ")}
    assert allowed == {
        "authorization", "content-type", "last-event-id", "idempotency-key", "prefer", "a2a-version",
    }  # fmt: skip
    assert "POST" in preflight.headers["access-control-allow-methods"]
    exposed = {name.lower() for name in call.headers["access-control-expose-headers"].split(", ")}
    assert exposed == {"location", "retry-after", "ratelimit", "ratelimit-policy", "x-request-id"}
    for answer in (preflight, call):
        assert answer.headers["access-control-allow-origin"] == ORIGIN
        assert "access-control-allow-credentials" not in answer.headers
        assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ORIGIN + ".evil.example", ORIGIN.upper()])
async def test_a_page_of_another_origin_is_told_nothing(anonymous: httpx.AsyncClient, origin: str) -> None:
    preflight = await anonymous.options(
        "/api/access/login", headers={"origin": origin, "access-control-request-method": "POST"}
    )
    call = await anonymous.get("/", headers={"origin": origin})

    for answer in (preflight, call):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_without_listed_origins_there_is_no_cors(settings: Settings) -> None:
    async with (
        live_server(settings.model_copy(update={"cors_origins": []})) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        answer = await client.get("/", headers={"origin": ORIGIN})

    assert not [name for name in answer.headers if name.startswith("access-control-")]


async def test_health_tells_the_living_from_the_ready(server: LiveServer, anonymous: httpx.AsyncClient) -> None:
    ready = await anonymous.get("/health/ready")
    server.app.state.stopping.set()
    stopping = await anonymous.get("/health/ready")

    told = ready.json()
    assert told["status"] == "ok"
    assert (told["pressure"]["active_runs"], told["pressure"]["readers"]) == (0, 0)
    assert assert_problem(stopping, 503, "not_ready")["retryable"]
    assert stopping.headers["retry-after"]
    assert (await anonymous.get("/health/live")).status_code == 200


async def test_a_database_that_went_away_is_not_ready(
    postgres: PostgresServer, postgres_template: str, tmp_path: Path
) -> None:
    name = f"away_{uuid4().hex}"
    admin = await asyncpg.connect(postgres.url("postgres", "postgresql"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {postgres_template}")
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "database_url": postgres.url(name), "jwt_secret": "test-secret-" + "x" * 32}
    )
    async with live_server(settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        answer = await client.get("/health/ready")
    await admin.close()

    assert_problem(answer, 503, "not_ready")
    assert name not in answer.text


async def test_health_does_not_wait_behind_those_who_work(server: LiveServer, anonymous: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(10):  # as many as the pool has
            db_session = await stack.enter_async_context(server.app.state.db.reading())
            await db_session.execute(text("SELECT 1"))
        with anyio.fail_after(1):
            ready = await anonymous.get("/health/ready")

    assert ready.status_code == 200


async def test_the_description_of_the_api_is_public(anonymous: httpx.AsyncClient) -> None:
    described = (await anonymous.get("/schema/openapi.json")).json()
    page = await anonymous.get("/schema")

    assert described["info"]["title"] == "Headgate"
    assert "/api/access/login" in described["paths"]
    assert page.headers["content-type"].startswith("text/html")


async def _talk(server: LiveServer, *pieces: bytes) -> bytes:
    """Everything the server says until it hangs up."""
    address = urlsplit(server.url)
    assert address.hostname is not None
    assert address.port is not None
    said = b""
    async with await anyio.connect_tcp(address.hostname, address.port) as stream:
        for piece in pieces:
            await stream.send(piece)
        with anyio.fail_after(5):
            try:
                while True:
                    said += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return said


@pytest.mark.parametrize(
    "bytes_sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nbig: " + b"x" * (protocol.MAX_HEADER_BYTES + 1) + b"\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: nine\r\n\r\n",
    ],
    ids=["not http", "no colon", "bytes in the path", "endless header", "length in words"],
)
async def test_what_is_not_http_is_a_problem_too(server: LiveServer, bytes_sent: bytes) -> None:
    said = await _talk(server, bytes_sent)

    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'"code":"bad_request"' in said
    assert b"x-request-id: " in said


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET / HTTP/1.1\r\nhost: x\r\n",
        b"POST /api/access/login HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{",
    ],
    ids=["nothing at all", "half a header", "half a body"],
)
async def test_who_does_not_finish_a_request_is_hung_up_on(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.05)

    said = await _talk(server, beginning)

    assert not said.startswith(b"HTTP/1.1 5")


async def test_a_body_that_does_not_come_in_time_is_408(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "BODY_SECONDS", 0.05)
    monkeypatch.setattr(edge, "LINGER_SECONDS", 0.05)

    said = await _talk(
        server,
        b"POST /api/access/login HTTP/1.1\r\nhost: x\r\nx-request-id: slow\r\n"
        b"content-type: application/json\r\ncontent-length: 9\r\n\r\n{",
    )

    assert said.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_too_slow"' in said
    assert b'"request_id":"slow"' in said
    assert b"connection: close" in said.lower()


@pytest.mark.parametrize("path", ["/api/access/login", "/api/todos", "/api/nope"])
async def test_who_says_everything_before_listening_hears_why_it_was_refused(server: LiveServer, path: str) -> None:
    body = b" " * (4 * 1024 * 1024)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n"
    )

    said = await _talk(server, head.encode(), body)

    assert said.startswith(b"HTTP/1.1 4")
    assert b'"request_id"' in said


async def test_who_never_stops_talking_is_cut_off(server: LiveServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "LINGER_BYTES", 1)
    head = b"POST /api/todos HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1000000000\r\n\r\n"
    address = urlsplit(server.url)

    async with await anyio.connect_tcp(str(address.hostname), int(address.port or 0)) as stream:
        await stream.send(head)
        with anyio.fail_after(5), pytest.raises(anyio.BrokenResourceError):
            await _talk_for_ever(stream)


async def _talk_for_ever(stream: ByteSendStream) -> None:
    while True:
        await stream.send(b" " * 65_536)


@pytest.mark.parametrize(
    ("path", "status"),
    [("/nope", 404), ("/api/nope", 404), ("/api/todos", 404), ("/health/live", 404), ("/%00", 400)],
)
async def test_a_websocket_that_is_not_there_is_a_problem(server: LiveServer, path: str, status: int) -> None:
    said = await _talk(
        server,
        f"GET {path} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nx-request-id: ws-1\r\n"
        "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode(),
    )

    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"x-request-id: ws-1" in head.lower()
    assert b"content-type: application/problem+json" in head.lower()
    assert msgspec.json.decode(body)["request_id"] == "ws-1"


async def test_a_proxy_that_nobody_named_is_told_once(server: LiveServer) -> None:
    edge_of = cast("Edge", server.app.asgi_handler)

    with structlog.testing.capture_logs() as logged:
        for peer in ("127.0.0.1", "198.51.100.7", "198.51.100.7"):
            scope: Any = {
                "type": "http",
                "method": "OPTIONS",
                "path": "/",
                "query_string": b"",
                "client": (peer, 5000),
                "headers": [(b"origin", ORIGIN.encode()), (b"access-control-request-method", b"GET"),
                            (b"x-forwarded-for", b"203.0.113.9, 127.0.0.1")],
            }  # fmt: skip
            await edge_of(scope, _nothing, _nowhere)

    told = [line for line in logged if line["log_level"] == "warning"]
    assert [line["peer"] for line in told] == ["198.51.100.7"]
    assert "HEADGATE_TRUSTED_PROXIES" in told[0]["event"]


async def _nothing() -> Any:
    return {"type": "http.disconnect"}


async def _nowhere(message: object) -> None:
    pass


async def test_a_request_that_was_finished_may_take_its_time(
    server: LiveServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", 0.05)
    monkeypatch.setattr(protocol, "BODY_SECONDS", 0.05)

    async with httpx.AsyncClient(base_url=server.url) as client:
        first = await client.get("/health/live")
        with anyio.move_on_after(0.1):
            await anyio.sleep_forever()
        second = await client.get("/health/live")

    assert (first.status_code, second.status_code) == (200, 200)


async def test_a_database_that_is_away_is_a_503_that_passes(
    server: LiveServer, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    there: Database = server.app.state.db
    gone = tmp_path / "gone" / "headgate.db"
    url = f"sqlite+aiosqlite:///{gone}" if there.is_sqlite else str(there.url.set(port=free_port(), database="none"))
    server.app.state.db = Database(url)
    try:
        response = await client.get("/api/todos")
    finally:
        await server.app.state.db.close()
        server.app.state.db = there

    assert response.status_code == 503
    assert response.json()["code"] == "unavailable"
    assert response.json()["retryable"] is True
    assert int(response.headers["retry-after"]) > 0
