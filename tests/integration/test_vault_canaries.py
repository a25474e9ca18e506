"""Fifty keys go through every door of the vault and are found nowhere else: not in what is told, logged, or kept."""

import os
import re
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import anyio
import httpx
import msgspec
import pytest
from redis.asyncio import Redis

from app.domain.accounts.schemas import Role
from app.domain.accounts.service import AccountService
from app.lib.db.engine import Database
from tests.canaries import Canary, canaries, sightings, written
from tests.integration.conftest import PASSWORD
from tests.postgres import binaries
from tests.servers import Nursery, Process
from tests.sockets import socket_of
from tests.valkey import ValkeyServer, valkey_server
from tests.wires import anthropic, bedrock, responses
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Script, answer, refusal

pytestmark = pytest.mark.timeout(240)

USERS = 5
KEYS = 50
VAULT = ("/api/secrets", "/api/admin/secrets", "/api/admin/audit")
CRASH = {
    "sqlite": ["CREATE TRIGGER crash BEFORE INSERT ON secret_version BEGIN SELECT RAISE(ABORT, 'crash'); END"],
    "postgresql": [
        "CREATE FUNCTION crash() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'crash'; END $$",
        "CREATE TRIGGER crash BEFORE INSERT ON secret_version FOR EACH ROW EXECUTE FUNCTION crash()",
    ],
}


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[ValkeyServer]:
    with valkey_server(tmp_path) as server:
        yield server


class Wires:
    """Providers that say the key that they are called with, in every spelling."""

    def __init__(self, chat: ChatWire, messages: ChatWire, converse: ChatWire) -> None:
        self.all = (chat, messages, converse)
        self._urls = {"anthropic": anthropic.base_url(messages), "bedrock": bedrock.base_url(converse)}
        self._chat = chat.url

    def url(self, provider: str) -> str:
        return self._urls.get(provider, self._chat)


def echo(seen: Seen) -> Script:
    key = key_in(seen)
    said = " ".join(each for part in (key, *token_in(seen)) for each in written(part))
    body = {"error": {"message": f"Wrong key: {said}", "type": "authentication_error", "code": key}}
    return refusal(401, body, x_request_id=key, www_authenticate=f"Bearer {key}")


def key_in(seen: Seen) -> str:
    return seen.headers.get("x-api-key") or seen.headers.get("authorization", "").removeprefix("Bearer ")


def token_in(seen: Seen) -> list[str]:
    return [token] if (token := seen.headers.get("x-amz-security-token")) else []


def say_it(seen: Seen) -> Script:
    """An answer with the key in it: whole, over many chunks, and in other spellings. Every other one is a refusal."""
    key = key_in(seen)
    if (len(key) + ord(key[20])) % 2:
        return echo(seen)
    keys = (key, *token_in(seen))
    pieces = ["It is ", *(one[at : at + 7] for one in keys for at in range(0, len(one), 7)), ". ", *keys, " "]
    told = [f"{each} " for one in keys for each in written(one)]
    if "/responses" in seen.path:
        return responses.answer(*pieces, *told)
    if "/messages" in seen.path:
        return anthropic.answer(*pieces, *told)
    return bedrock.answer(*pieces, *told) if "/model/" in seen.path else answer(*pieces, *told)


@pytest.fixture
def wires(chat_wire: ChatWire, anthropic_wire: ChatWire, bedrock_wire: ChatWire) -> Wires:
    for wire in (chat_wire, anthropic_wire, bedrock_wire):
        wire.default = say_it
    return Wires(chat_wire, anthropic_wire, bedrock_wire)


@asynccontextmanager
async def serving(servers: Nursery, folder: Path, database_url: str, valkey: ValkeyServer) -> AsyncIterator[Process]:
    redis = {} if database_url.startswith("sqlite") else {"HEADGATE_REDIS_URL": valkey.url}
    environment = {
        "PATH": os.defpath,
        "HEADGATE_PORT": "0",
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_LOG_LEVEL": "DEBUG",
        "HEADGATE_EGRESS_ALLOW": "127.0.0.1",
        "HEADGATE_RATE_LIMIT_PER_MINUTE": "1000",
        **redis,
    }
    process = await servers.start(environment, folder, folder / "log")
    try:
        yield process
    finally:
        await process.kill()


class Visitor:
    """Keeps all that it is told."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.told = b""

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        content = None
        if body is not None:
            content = body if isinstance(body, bytes) else msgspec.json.encode(body)
            headers["content-type"] = "application/json"
        answer = await self.client.request(method, path, content=content, headers=headers)
        self.told += b"%b\n%b\n" % (str(answer.headers).encode(), answer.content)
        return answer


async def visitor(stack: AsyncExitStack, url: str, db: Database, role: Role = Role.USER) -> Visitor:
    account = {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    async with db.writing() as db_session:
        await AccountService.open(db_session).create(account["email"], PASSWORD, role=role)
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30, trust_env=False))
    token = (await client.post("/api/access/login", json=account)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return Visitor(client)


async def asked_by_runs(who: Visitor, key: Canary, secret_id: str) -> None:
    body = {"messages": [{"role": "user", "content": "What is my key?"}], "secret_id": secret_id}
    body["model"] = f"{key.provider}/m"
    async with who.client.stream("POST", "/api/v1/chat/stream", json=body) as stream:
        told = await stream.aread()
        assert stream.status_code == 200, told
        run = stream.headers["location"]
    who.told += told
    assert b"event: completed" in told or b"event: error" in told
    session = (await who.ask("GET", run)).json()["session_id"]
    for path in ("history", "export", "export?format=markdown"):
        await who.ask("GET", f"/api/sessions/{session}/{path}")


async def through_its_doors(who: Visitor, key: Canary, next_key: Canary, wires: Wires, password: str | None) -> None:
    """The way of a key that is what it should be."""
    query = f"?api-key={quote(key.value, safe='')}" if key.provider == "openai_compatible" else ""
    place = {"base_url": wires.url(key.provider) + query}
    await who.ask("POST", "/api/secrets/verify", {"provider": key.provider, **key.material, **place})
    body = {"name": "mine", "provider": key.provider, **key.material, **place}
    stored = await who.ask("POST", "/api/secrets", body)
    assert stored.status_code == 201, stored.json()["code"]
    address = f"/api/secrets/{stored.json()['id']}"
    await who.ask("PATCH", address, {"name": "renamed", "default": True, "expires_at": "2099-01-01T00:00:00Z"})
    assert (await who.ask("POST", f"{address}/verify")).json()["answer"] in {"valid", "invalid"}
    rotated = await who.ask("POST", f"{address}/rotate", {**next_key.material, **place, "overlap": 600})
    assert rotated.json()["version"] == 2, rotated.json()["code"]
    await who.ask("POST", f"{address}/versions/1/restore")
    await asked_by_runs(who, key, stored.json()["id"])
    for path in ("", "/versions", "/audit", "/usage"):
        assert (await who.ask("GET", f"{address}{path}")).status_code == 200
    # What is shown here is the one thing that is not kept.
    shown = await who.client.post(f"{address}/reveal", json={"password": password})
    assert shown.json().get("value") == key.value or shown.json()["code"] == "reveal_limited"


async def to_wrong_places(who: Visitor, key: Canary, wires: Wires) -> None:
    """What somebody does who pastes a key where none belongs."""
    value, good = key.value, {"name": "n", "provider": "openai", "base_url": wires.url("openai")}
    secrets = (await who.ask("GET", "/api/secrets")).json()["items"]
    address = f"/api/secrets/{secrets[0]['id']}"
    for body in (
        {**good, "provider": value},
        {**good, "value": [value]},
        {**good, "value": f"{value}\n{value}"},
        {**good, "value": value, "expires_at": value},
        {**good, "value": value, "base_url": f"http://user:{value}@127.0.0.1/v1"},
        {**good, "value": value, "base_url": f"http://10.0.0.1/?key={value}"},
        {**good, "provider": "bedrock", "value": value, "region": value},
        {**good, "provider": "bedrock", "value": value, "region": "us-east-1", "access_key_id": f"{value}!"},
        msgspec.json.encode({**good, "value": value})[:-1],
    ):
        assert (await who.ask("POST", "/api/secrets", body)).status_code in {400, 422}
    for body in ({"disabled": value}, {"default": value}, {"expires_at": value}):
        await who.ask("PATCH", address, body)
    wrong: Any
    for wrong in ({"overlap": value}, {"value": {"key": value}}, {"value": f"{value} {value}"}):
        await who.ask("POST", f"{address}/rotate", wrong)
    for method, path in (
        ("GET", f"/api/secrets/{value}"),
        ("POST", f"/api/secrets/{value}/reveal"),
        ("POST", f"{address}/versions/{value}/restore"),
        ("GET", f"/api/secrets?limit={value}&provider={value}"),
        ("GET", f"/api/admin/audit?owner_id={value}"),
        ("PUT", f"/api/admin/secrets/policies/{value}"),
    ):
        answer = await who.ask(method, httpx.URL(path).raw_path.decode(), {} if method != "GET" else None)
        assert answer.status_code >= 400
    await who.ask("POST", "/api/agents/chat/invoke", {"messages": [], "secret_id": value})
    await who.ask("POST", "/api/access/login", {"email": value, "password": value})
    await who.ask("GET", "/api/me", authorization=f"Bearer {value}")


async def through_every_route(who: Visitor, keys: list[Canary]) -> int:
    """In the place of each part of an address and of each member of its query; of the vault's, of its body as well.

    What else is in a body are the user's own words. Returns how many routes there are.
    """
    description = (await who.client.get("/schema/openapi.json")).json()
    found = [
        (method.upper(), path, operation)
        for path, methods in description["paths"].items()
        for method, operation in methods.items()
        if path not in {"/api/access/logout", "/api/access/password"}  # they would end the visitor's own login
    ]
    for number, (method, path, operation) in enumerate(found):
        value = keys[number % len(keys)].value
        query = {one["name"]: value for one in operation.get("parameters", []) if one["in"] == "query"}
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
        named = description["components"]["schemas"].get(str(body.get("$ref", "")).rpartition("/")[2], body)
        members = dict.fromkeys(named.get("properties", {}), value) if path.startswith(VAULT) else {}
        address = re.sub(r"{\w+}", quote(value, safe=""), path)
        answer = await who.ask(method, f"{address}?{urlencode(query)}", members if body else None)
        assert answer.status_code < 500, (method, path)
    return len(found)


async def by_socket(who: Visitor, key: Canary) -> None:
    async with socket_of(who.client) as socket:
        await socket.ask("invoke", agent="chat", body={"messages": [], "secret_id": key.value})
        await socket.ask("follow", run_id=key.value)
        await socket.ask("auth", token=key.value)
        await socket.connection.send(b'{"op": "' + key.value.encode())
        who.told += msgspec.json.encode([socket.told, await socket.hear()])


async def dumped(database_url: str) -> dict[str, bytes]:
    """All that `pg_dump` tells, bytes in hexadecimal; of SQLite its files, with what is not in them yet."""
    if database_url.startswith("sqlite"):
        file = Path(database_url.removeprefix("sqlite+aiosqlite:///"))
        return {path.name: path.read_bytes() for path in file.parent.glob(f"{file.name}*")}
    dump = await anyio.run_process([binaries() / "pg_dump", database_url.replace("+asyncpg", "")])
    return {"the database": dump.stdout}


async def heard_by_redis(valkey: ValkeyServer, heard: bytearray) -> None:
    async with Redis.from_url(valkey.url) as client, client.pubsub() as line:
        await line.psubscribe("*")
        async for message in line.listen():
            if isinstance(message["data"], bytes):
                heard += message["data"]


async def kept_by_redis(valkey: ValkeyServer) -> bytes:
    async with Redis.from_url(valkey.url) as client:
        kept: list[Any] = [part for key in await client.keys("*") for part in (key, await client.dump(key) or b"")]
    return b"".join(kept)


async def break_storing(db: Database) -> None:
    async with db.engine.begin() as connection:
        for statement in CRASH[connection.dialect.name]:
            await connection.exec_driver_sql(statement)


async def test_fifty_keys_are_found_nowhere(
    servers: Nursery, tmp_path: Path, database_url: str, db: Database, wires: Wires, valkey: ValkeyServer
) -> None:
    keys, next_keys = canaries(KEYS, "the first"), canaries(KEYS, "their successors")
    places: dict[str, bytes] = {}
    heard = bytearray()
    async with AsyncExitStack() as stack:
        listening = await stack.enter_async_context(anyio.create_task_group())
        listening.start_soon(heard_by_redis, valkey, heard)
        process = await stack.enter_async_context(serving(servers, tmp_path, database_url, valkey))
        people = [await visitor(stack, process.url, db) for _ in range(USERS)]
        auditor = await visitor(stack, process.url, db, Role.AUDITOR)
        admin = await visitor(stack, process.url, db, Role.ADMIN)

        async def live(number: int) -> None:
            who = people[number]
            for index in range(number, KEYS, USERS):
                for wire in wires.all:
                    wire.probed = echo if index % 2 else wire.probed
                # Given once, the password counts for five minutes.
                password = PASSWORD if index == number else None
                await through_its_doors(who, keys[index], next_keys[index], wires, password)
            await to_wrong_places(who, keys[number], wires)
            await by_socket(who, keys[number])

        async with anyio.create_task_group() as tasks:
            for number in range(USERS):
                tasks.start_soon(live, number)
        await admin.ask("GET", "/api/admin/secrets?limit=100")
        for path in ("/api/admin/audit?limit=100", "/api/admin/audit/export"):
            await auditor.ask("GET", path)
        for path in ("/api/usage/history?group_by=secret", "/api/usage"):
            await people[0].ask("GET", path, accept="text/csv, */*;q=0.5")
        routes = await through_every_route(admin, keys)
        await break_storing(db)
        body = {"name": "n", "provider": "openai", "base_url": wires.url("openai"), **keys[0].material}
        crashed = await people[0].ask("POST", "/api/secrets", body)
        places |= {"redis": await kept_by_redis(valkey)} | await dumped(database_url)
        process.send_signal(signal.SIGABRT)
        await process.wait()
        listening.cancel_scope.cancel()

    places |= {f"{name}, after the crash": data for name, data in (await dumped(database_url)).items()}
    log = await anyio.Path(tmp_path / "log").read_bytes()
    places |= {
        "answers": b"".join(who.told for who in (*people, auditor, admin)),
        "the log": log,
        "news": bytes(heard),
    }
    assert routes > 60
    assert crashed.status_code == 500
    assert b"secret_version" in log
    assert b"/api/secrets/" in log
    assert places["answers"].count(b'"action":"create"') >= KEYS
    assert all(wire.requests for wire in wires.all)
    assert sightings(places, [*keys, *next_keys]) == set()
