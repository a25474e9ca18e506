"""Whatever a stranger sends, on whatever route: a 4xx with a stable code, never a 500.

The routes come from the API's own description, so that a new one is tested the day it is mounted.
"""

import re
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any, NamedTuple
from uuid import uuid4

import aiohttp
import httpx
import msgspec
import pytest
from yarl import URL

from app.lib.db.engine import Database
from app.server.settings import Settings
from tests.databases import unstored
from tests.integration.conftest import LiveServer
from tests.limits import promote
from tests.owners import with_vault

pytestmark = pytest.mark.timeout(60)

JSON = {"content-type": "application/json"}
SURROGATE = rb'"\ud800"'

UNREADABLE = {
    "bad UTF-8": b'{"email": "\xff\xfe"}',
    "a surrogate in UTF-8": b'{"email": "\xed\xa0\x80"}',
    "a lone surrogate": b'{"email": ' + SURROGATE + b"}",
    "a surrogate as a key": b"{" + SURROGATE + b": 1}",
    "100,000 lists deep": b"[" * 100_000 + b"]" * 100_000,
    "100,000 lists never closed": b"[" * 100_000,
    "100,000 objects deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "900 lists deep": b'{"messages": ' + b"[" * 900 + b"]" * 900 + b"}",
    "not a number": b'{"a": NaN}',
    "infinity": b'{"a": 1e999}',
    "an endless integer": b'{"a": ' + b"9" * 5000 + b"}",
    "cut off": b'{"email": "x',
    "a raw control character": b'{"email": "a\x00b"}',
    "a byte order mark": b"\xef\xbb\xbf{}",
    "two values": b"{} {}",
    "nothing but spaces": b"   ",
}
"""Answered with 400 `unreadable_body` on every route."""

WRONG = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"x"',
    "a number": b"1",
    "another object": b'{"surprise": {"deep": [1, 2, {"x": null}]}}',
}
"""Readable, but no route's body. Where every field is optional, an object may be fine."""
BODILESS = {"/api/tickets"}
"""What they do without a body is no mistake."""

VALUES: list[Any] = [
    None, True, 0, -1, 2**31, 2**63 - 1, -(2**63), 2**64 - 1, 1e308, "", "\0", "x\0y", "\x7f", "\u202e", "x" * 20_000,
    "1e400", "\uff19\uff19", "2026-02-30T00:00:00Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00",
    "00000000-0000-0000-0000-000000000000", "../../etc/passwd", "' OR 1=1 --", "{{7*7}}", [], [None], [[]], [1] * 60,
    ["x\0"], {}, {"": ""}, {"a\0": 1}, {"role": "admin"},
]  # fmt: skip

STORABLE: list[Any] = ["", "\0", "x\0y", "\x7f", "\u202e", "\uff19\uff19", "x" * 20_000, -1, 2**31, 2**63 - 1, True]
"""Of these, what may get past the checks of a field, whose code does not know the database."""

QUERIES = [
    "?limit=-1", "?limit=0", "?limit=99999999999999999999", "?limit=9223372036854775808", "?limit=x", "?limit=NaN",
    "?offset=-1", "?offset=9223372036854775807", "?limit=1&limit=2", "?q=%00", "?q=%FF%FE", "?q=%ED%A0%80", "?q=",
    "?from=never", "?from=9999-12-31T23:59:59-12:00", "?state=nope", "?after=-1", "?after=x", "?status=nope",
    "?tag=%25%5F%27", "?%00=1", "?[]=1&[x]=2", "?" + "a=1&" * 500, "?q=" + "x" * 8000,
]  # fmt: skip

IDS = [
    "nope", "00000000-0000-0000-0000-00000000000g", "%00", "%FF", "%ED%A0%80", "..%2f..%2fme", "0", "-1",
    "9" * 400, "%27%20OR%201=1", "{id}", "null", str(uuid4()), str(uuid4()).upper(), str(uuid4()).replace("-", ""),
]  # fmt: skip


class Operation(NamedTuple):
    method: str
    path: str
    fields: dict[str, Any]
    has_body: bool
    statuses: frozenset[int]
    """Those that are described."""

    def at(self, item: str) -> str:
        return re.sub(r"{\w+}", lambda _: item, self.path)

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"


def _operations(description: dict[str, Any]) -> list[Operation]:
    """Logging out and changing the password would end the tests' own session."""
    found = []
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            if method == "head" or path in {"/api/access/logout", "/api/access/password"}:
                continue
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            schema = description["components"]["schemas"].get(str(body.get("$ref", "")).rpartition("/")[2], body)
            statuses = frozenset(map(int, operation["responses"]))
            found.append(Operation(method.upper(), path, schema.get("properties", {}), bool(body), statuses))
    return found


@pytest.fixture
async def operations(anonymous: httpx.AsyncClient) -> list[Operation]:
    return _operations((await anonymous.get("/schema/openapi.json")).json())


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return with_vault(settings)


class Stranger:
    """Sends thousands of requests for half of what httpx takes, and their addresses as they are."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def request(self, method: str, url: str, **sent: Any) -> httpx.Response:
        address = URL(self._url + url, encoded=True)
        async with self._session.request(method, address, **sent) as answer:
            return httpx.Response(answer.status, headers=answer.headers, content=await answer.read())


@pytest.fixture
async def stranger(server: LiveServer, client: httpx.AsyncClient, db: Database) -> AsyncIterator[Stranger]:
    """An administrator, since what is behind a route is only reached so."""
    await promote(db, client)
    authorization = {"Authorization": client.headers["Authorization"]}
    timeout = aiohttp.ClientTimeout(total=20)
    async with aiohttp.ClientSession(headers=authorization, timeout=timeout, auto_decompress=False) as session:
        yield Stranger(session, server.url)


def faults(answer: httpx.Response, operation: Operation) -> list[str]:
    """What is wrong with an answer to bad input."""
    if answer.status_code >= 500:
        return [f"status {answer.status_code}"]
    if answer.status_code not in operation.statuses | {404, 405}:  # an odd id may lead to another address
        return [f"{answer.status_code} is not described"]
    if answer.status_code >= 400:
        if answer.headers["content-type"] == "text/event-stream":
            return []
        if answer.headers["content-type"] != "application/problem+json":
            return [f"{answer.status_code} as {answer.headers['content-type']}"]
        problem = msgspec.json.decode(answer.content)
        missing = {"type", "title", "status", "detail", "code", "request_id", "retryable"} - problem.keys()
        return [f"{answer.status_code} without {missing}"] if missing else []
    return []


@unstored
async def test_a_body_that_cannot_be_read_is_400(stranger: Stranger, operations: list[Operation]) -> None:
    wrong = []
    for operation in [operation for operation in operations if operation.has_body]:
        for name, body in UNREADABLE.items():
            answer = await stranger.request(operation.method, operation.at(str(uuid4())), data=body, headers=JSON)
            if answer.status_code == 429:  # the limit on tries comes before the body
                continue
            if answer.status_code != 400 or answer.json()["code"] != "unreadable_body":
                wrong.append((operation.name, name, answer.status_code, answer.text[:200]))

    assert wrong == []


async def test_a_body_of_another_shape_is_a_problem(stranger: Stranger, operations: list[Operation]) -> None:
    wrong = []
    for operation in [operation for operation in operations if operation.has_body]:
        for name, body in WRONG.items():
            if operation.path in BODILESS and name in {"nothing", "null"}:
                continue
            answer = await stranger.request(operation.method, operation.at(str(uuid4())), data=body, headers=JSON)
            if answer.status_code < 400 or faults(answer, operation):
                wrong.append((operation.name, name, answer.status_code, answer.text[:200]))

    assert wrong == []


async def test_no_value_of_a_field_is_a_500(stranger: Stranger, operations: list[Operation], db: Database) -> None:
    values = STORABLE if db.is_sqlite else VALUES
    wrong = []
    for operation in operations:
        for field in operation.fields:
            for value in values:
                url = operation.at(str(uuid4()))
                answer = await stranger.request(operation.method, url, json={field: value})
                if fault := faults(answer, operation):
                    wrong.append((operation.name, field, repr(value)[:40], fault))

    assert wrong == []


async def test_no_address_and_no_query_is_a_500(stranger: Stranger, operations: list[Operation]) -> None:
    wrong = []
    for operation in [operation for operation in operations if operation.method in {"GET", "DELETE"}]:
        urls = [operation.at(str(uuid4())) + query for query in QUERIES]
        if "{" in operation.path:
            urls += [operation.at(item) for item in IDS]
        for url in urls:
            answer = await stranger.request(operation.method, url)
            if fault := faults(answer, operation):
                wrong.append((operation.method, url[:100], fault))

    assert wrong == []


@unstored
@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "chunked"])
async def test_a_body_over_1_mib_is_413(stranger: Stranger, operations: list[Operation], *, chunked: bool) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b'{"email": "'
        for _ in range(32):
            yield b"x" * 65_536

    wrong = []
    for operation in [operation for operation in operations if operation.has_body]:
        body = pieces() if chunked else BytesIO(b" " * (2 * 1024 * 1024))
        answer = await stranger.request(operation.method, operation.at(str(uuid4())), data=body, headers=JSON)
        if answer.status_code != 413 or answer.json()["code"] != "body_too_large":
            wrong.append((operation.name, answer.status_code, answer.text[:200]))

    assert wrong == []


@unstored
@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/jsonx", ""]
)
async def test_a_body_that_does_not_say_it_is_json_is_415(
    stranger: Stranger, operations: list[Operation], media_type: str
) -> None:
    wrong = []
    for operation in [operation for operation in operations if operation.has_body]:
        headers = {"content-type": media_type} if media_type else {}
        answer = await stranger.request(operation.method, operation.at(str(uuid4())), data=b"{}", headers=headers)
        if answer.status_code != 415 or answer.json()["code"] != "unsupported_media_type":
            wrong.append((operation.name, answer.status_code, answer.text[:200]))

    assert wrong == []


async def test_each_broken_rule_has_a_pointer_to_its_field(anonymous: httpx.AsyncClient) -> None:
    async def errors(body: object) -> list[dict[str, str]]:
        answer = await anonymous.post("/api/access/signup", json=body)
        assert answer.status_code == 422
        found: list[dict[str, str]] = answer.json()["errors"]
        return found

    account = {"email": "a@example.com", "password": "correct horse battery staple"}
    assert (await errors([]))[0]["pointer"] == ""
    assert (await errors({"email": "a@example.com"}))[0]["pointer"] == "/password"
    assert (await errors({**account, "email": 5}))[0]["pointer"] == "/email"
    assert (await errors({**account, "name": "a\0b"}))[0]["pointer"] == "/name"
    assert (await errors({**account, "a/b~c": 1}))[0]["pointer"] == "/a~1b~0c"


async def test_a_bad_parameter_has_the_name_that_clients_know(client: httpx.AsyncClient) -> None:
    for query in ("state=bad", "limit=0", "offset=x"):
        refused = await client.get(f"/api/runs?{query}")

        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_parameter")
        assert [error["parameter"] for error in refused.json()["errors"]] == [query.partition("=")[0]]


async def test_a_problem_does_not_repeat_what_was_sent(client: httpx.AsyncClient) -> None:
    canary = "sk-live-1234567890"
    answers = [
        await client.post("/api/todos", json={"item": "x", "importance": canary}),
        await client.post("/api/todos", json={"item": [canary]}),
        await client.patch("/api/me", json={"preferences": {"text_speed": canary}}),
        await client.post("/api/agents/todo/invoke", json={"messages": [{"role": canary, "content": "x"}]}),
        await client.post("/api/agents/todo/invoke", json={"messages": [], "secret_id": canary}),
        await client.get("/api/todos", params={"status": canary}),
        await client.get("/api/todos", params={"limit": canary}),
        await client.get("/api/runs", params={"state": canary}),
        await client.get(f"/api/runs/{canary}"),
    ]

    assert [answer.status_code for answer in answers] == [422] * 8 + [404]
    assert [answer.text for answer in answers if canary in answer.text] == []
    assert answers[0].json()["errors"] == [{"pointer": "/importance", "detail": "Invalid enum value"}]


async def test_a_doubled_key_does_no_harm(anonymous: httpx.AsyncClient) -> None:
    body = b'{"email": "a@example.com", "email": 5, "password": "correct horse battery staple"}'

    answer = await anonymous.post("/api/access/signup", content=body, headers=JSON)

    assert answer.status_code == 422
