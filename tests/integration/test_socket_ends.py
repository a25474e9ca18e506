"""`/api/ws`: who is let in, and how a socket ends."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from uuid import UUID

import anyio
import httpx
import msgspec
import pytest
from anyio.abc import SocketStream
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.domain.accounts.service import AccountService
from app.domain.runs.socket import connection
from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server import socket_protocol
from app.server.settings import Settings
from tests.integration.conftest import PASSWORD, LiveServer, live_server
from tests.sockets import SocketClient, bare_frame, bare_socket, socket_of
from tests.streams import said
from tests.wires.chat import ChatWire
from tests.wires.script import answer

PAGE = "https://app.example.com"
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    changes = {"default_model": "openai/fake", "cors_origins": [PAGE], "stream_idle_timeout": 1.0}
    async with live_server(settings.model_copy(update=changes), registry=Registry({"openai": own})) as running:
        yield running


async def closing(socket: SocketClient, seconds: float = 10) -> tuple[int, str]:
    """How the server closes it; what is told before is kept."""
    with anyio.fail_after(seconds), pytest.raises(ConnectionClosed) as end:
        await socket.until(lambda _: False)
    assert end.value.rcvd is not None
    return end.value.rcvd.code, end.value.rcvd.reason


async def rest_of(stream: SocketStream) -> bytes:
    """Until the server hangs up."""
    seen = b""
    with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
        while True:
            seen += await stream.receive()
    return seen


async def ticket(client: httpx.AsyncClient, **body: str) -> str:
    return str((await client.post("/api/tickets", json=body)).json()["ticket"])


async def test_a_ticket_opens_one_socket(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    value = await ticket(client)

    async with socket_of(anonymous, f"?ticket={value}") as first:
        assert await first.ok("ping") is True
    async with socket_of(anonymous, f"?ticket={value}") as second:
        end = await closing(second)

    assert end == (4401, "invalid_ticket")
    assert second.told[0]["error"]["code"] == "invalid_ticket"
    assert value not in msgspec.json.encode(second.told).decode()


async def test_a_runs_ticket_opens_no_socket(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("Hello."))
    run_id = (await client.post("/api/agents/chat/invoke", json=said("Hi"))).json()["id"]

    async with socket_of(anonymous, f"?ticket={await ticket(client, run_id=run_id)}") as socket:
        assert await closing(socket) == (4401, "invalid_ticket")


@on_sqlite
async def test_a_token_in_the_handshake_wins_over_a_ticket(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    headers = {"Authorization": client.headers["Authorization"]}
    async with socket_of(anonymous, "?ticket=nonsense", additional_headers=headers) as socket:
        assert await socket.ok("ping") is True


@on_sqlite
async def test_a_socket_that_says_nothing_is_closed(
    anonymous: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert connection.AUTH_SECONDS == 5
    monkeypatch.setattr(connection, "AUTH_SECONDS", 0.1)

    async with socket_of(anonymous) as socket:
        assert await closing(socket) == (4401, "not_authenticated")


@on_sqlite
async def test_before_the_token_nothing_else_is_done(client: httpx.AsyncClient, anonymous: httpx.AsyncClient) -> None:
    async with socket_of(anonymous) as socket:
        assert await socket.refusal("ping") == "not_authenticated"
        token = client.headers["Authorization"].removeprefix("Bearer ")
        assert await socket.ok("auth", token=token) is True
        assert await socket.ok("ping") is True
        assert await socket.refusal("auth", token=token) == "already_authenticated"


@on_sqlite
async def test_a_bad_token_is_told_and_closes(anonymous: httpx.AsyncClient) -> None:
    async with socket_of(anonymous) as socket:
        assert await socket.refusal("auth", token="nonsense") == "invalid_token"
        assert await closing(socket) == (4401, "invalid_token")


@on_sqlite
@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{PAGE}.evil.example"])
async def test_a_foreign_page_is_refused_and_uses_no_ticket_up(
    client: httpx.AsyncClient, anonymous: httpx.AsyncClient, origin: str
) -> None:
    value = await ticket(client)

    with pytest.raises(InvalidStatus) as refused:
        async with socket_of(anonymous, f"?ticket={value}", origin=origin):
            pass

    response = refused.value.response
    assert response.status_code == 403
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["x-request-id"]
    assert msgspec.json.decode(response.body or b"")["code"] == "foreign_page"
    async with socket_of(anonymous, f"?ticket={value}", origin=PAGE) as socket:
        assert await socket.ok("ping") is True


@on_sqlite
async def test_our_own_page_is_let_in(client: httpx.AsyncClient, server: LiveServer) -> None:
    async with socket_of(client, origin=server.url) as socket:
        assert await socket.ok("ping") is True


@on_sqlite
async def test_a_message_that_is_too_large_closes_with_1009(client: httpx.AsyncClient) -> None:
    async with socket_of(client) as socket:
        await socket.connection.send('{"op": "ping", "ref": "%s"}' % ("x" * 1024 * 1024))  # within the frame's bound
        assert (await socket.hear())["error"]["code"] == "bad_message"
        await socket.connection.send("x" * (1024 * 1024 + 8192))
        code, _ = await closing(socket)

    assert code == 1009


async def test_a_logout_closes_the_socket(client: httpx.AsyncClient) -> None:
    async with socket_of(client) as socket:
        await client.post("/api/access/logout")
        assert await closing(socket, 5) == (4401, "invalid_token")


async def test_a_disabled_users_socket_is_closed(client: httpx.AsyncClient, db: Database, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Wait. ", anyio.Event()))
    user_id = UUID((await client.get("/api/me")).json()["id"])

    async with socket_of(client) as socket:
        await socket.ok("invoke", agent="chat", body=said("Hi"))
        async with db.writing() as db_session:
            await AccountService.open(db_session).disable(user_id)
        assert await closing(socket, 5) == (4401, "invalid_token")

    assert {told.get("event") for told in socket.told}.isdisjoint({"completed", "end"})


async def test_a_server_that_leaves_says_so(client: httpx.AsyncClient, server: LiveServer, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Wait. ", anyio.Event()))

    async with socket_of(client) as socket:
        await socket.ok("invoke", agent="chat", body=said("Hi"))
        await socket.until(lambda told: told.get("event") == "message_delta")
        server.app.state.stopping.set()
        end = await closing(socket, 2)

    assert end == (1012, "server_stopping")
    assert socket.told[-1]["notice"]["kind"] == "server_stopping"
    assert "end" not in {told.get("event") for told in socket.told}


@on_sqlite
async def test_a_peer_that_reads_nothing_is_cut_off(
    client: httpx.AsyncClient, server: LiveServer, chat_wire: ChatWire
) -> None:
    hub = server.app.state.runs._writer.hub
    chat_wire.queue(answer(("x" * 1_000 + " ") * 8_000))  # more than any kernel keeps for a socket
    run_id = (await client.post("/api/agents/chat/invoke", json=said("Hi"), timeout=20)).json()["id"]

    async with bare_socket(server.url, await ticket(client)) as stream:
        await stream.send(bare_frame({"op": "follow", "run_id": run_id}))
        with anyio.fail_after(15):
            while not hub.readers():  # noqa: ASYNC110 - nothing tells of it
                await anyio.sleep(0.01)
            while hub.readers():  # noqa: ASYNC110
                await anyio.sleep(0.01)
            await rest_of(stream)


@pytest.fixture
async def outliving() -> AsyncIterator[AsyncExitStack]:
    """What is still open when the server has left, for tests that name this first."""
    async with AsyncExitStack() as stack:
        yield stack


@on_sqlite
async def test_a_server_leaves_though_a_peer_hangs_up_without_reading(
    outliving: AsyncExitStack, client: httpx.AsyncClient, server: LiveServer, chat_wire: ChatWire
) -> None:
    hub = server.app.state.runs._writer.hub
    chat_wire.queue(answer(("x" * 1_000 + " ") * 8_000))
    run_id = (await client.post("/api/agents/chat/invoke", json=said("Hi"), timeout=20)).json()["id"]
    stream = await outliving.enter_async_context(bare_socket(server.url, await ticket(client)))
    await stream.send(bare_frame({"op": "follow", "run_id": run_id}))
    with anyio.fail_after(15):
        while not hub.readers():  # noqa: ASYNC110 - nothing tells of it
            await anyio.sleep(0.01)
        await stream.send(b"\x88\x80" + bytes(4))  # a close frame
        while hub.readers():  # noqa: ASYNC110
            await anyio.sleep(0.01)

    # The server leaves now, with what it has to write still in its buffer.


@on_sqlite
async def test_a_peer_that_answers_no_ping_is_found(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rules = socket_protocol
    assert rules.PING_SECONDS + rules.PONG_SECONDS + rules.CUT_SECONDS < 30
    monkeypatch.setitem(rules.SOCKET_OPTIONS, "ws_ping_interval", 0.1)
    monkeypatch.setitem(rules.SOCKET_OPTIONS, "ws_ping_timeout", 0.1)

    async with live_server(settings) as server, httpx.AsyncClient(base_url=server.url) as client:
        account = {"email": "ada@example.com", "password": PASSWORD}
        await client.post("/api/access/signup", json=account)
        login = (await client.post("/api/access/login", json=account)).json()
        client.headers["Authorization"] = f"Bearer {login['access_token']}"
        async with bare_socket(server.url, await ticket(client)) as stream:
            with anyio.fail_after(10):
                seen = await rest_of(stream)

    assert seen[:2] == b"\x89\x04"  # a ping
    assert b"keepalive ping timeout" in seen
