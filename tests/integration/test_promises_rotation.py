"""Master keys are turned over under full load: nothing that is going on fails, and what was killed goes on."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
import httpx
import pytest

from app.domain.accounts.models import Role
from app.domain.accounts.service import AccountService
from app.domain.secrets.service import Rewrapping
from app.lib.clock import SystemClock
from app.lib.db.engine import Database
from app.server.master_keys import MasterKeys
from app.server.settings import Settings
from tests.chaos import check_transcript, environment, figure
from tests.integration.conftest import PASSWORD
from tests.servers import Nursery, Process
from tests.streams import read_all, said
from tests.vaults import new_key
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Script, answer, refusal

A_SECOND = 5
"""Words of an answer."""
AT_ONCE = 20
"""Requests, on a machine that is too slow for more."""
CHAT = "/api/agents/chat/invoke"


class Load(NamedTuple):
    rotations: int
    streams: int
    """At any time."""
    requests: int
    """A second."""
    words: int
    """Of an answer."""
    secrets: int
    """Of all users together, at the start."""
    users: int


SHORT = pytest.param(
    Load(rotations=2, streams=4, requests=5, words=10, secrets=80, users=4),
    id="short",
    marks=pytest.mark.timeout(120),
)
LONG = pytest.param(
    Load(rotations=20, streams=50, requests=50, words=40, secrets=400, users=10),
    id="long",
    marks=[pytest.mark.soak, pytest.mark.timeout(900)],
)


def model(seen: Seen) -> Script:
    """Answers whoever comes with a key of their own, and in no hurry."""
    name, _, words = seen.last_words.partition(": ")
    if not seen.headers["authorization"].startswith(f"Bearer sk-of-{name}-"):
        return refusal(401)
    return answer(" ".join(f"{name}/{n}" for n in range(int(words))), gap=1 / A_SECOND)


@dataclass
class User:
    name: str
    client: httpx.AsyncClient
    nodes: list[str]
    secrets: list[str] = field(default_factory=list)
    versions: Any = field(default_factory=lambda: count(2))

    async def stores(self, provider: str, url: str) -> str:
        key = f"sk-of-{self.name}-{'0123456789' * 3}"
        body = {"name": "mine", "provider": provider, "value": key, "base_url": url}
        return str((await self.asks("POST", "/api/secrets", body, status=201)).json()["id"])

    async def reveals(self) -> str:
        shown = await self.asks("POST", f"/api/secrets/{self.secrets[0]}/reveal", {"password": PASSWORD})
        return str(shown.json()["value"])

    async def asks(self, method: str, path: str, body: Any = None, *, status: int = 200) -> httpx.Response:
        self.nodes.append(self.nodes.pop(0))
        response = await self.client.request(method, self.nodes[0] + path, json=body)
        assert response.status_code == status, (method, path, response.status_code, response.text)
        return response


@dataclass
class Place:
    """Where all happens: nodes that share one file of keys, with users that have secrets."""

    db: Database
    keys: MasterKeys
    users: list[User]
    wire: ChatWire
    command: Callable[..., Any]
    """Starts `headgate` with other arguments; it has said its first line then, as its `url`."""

    async def wraps(self) -> dict[str, int]:
        """How many data keys each master key wraps that still wraps any."""
        uses = await Rewrapping(self.db, self.keys.ring(), SystemClock()).keys()
        return {use.id: use.wraps for use in uses if use.wraps}


@pytest.fixture
def settled(
    servers: Nursery, tmp_path: Path, database_url: str, db: Database, chat_wire: ChatWire
) -> Callable[[Load], Any]:
    file = tmp_path / "keys"
    file.write_text(new_key())
    file.chmod(0o600)
    settings = environment(chat_wire, database_url) | {
        "HEADGATE_MASTER_KEY_FILE": str(file),
        "HEADGATE_JWT_SECRET": "test-secret-" + "x" * 32,
        "HEADGATE_EGRESS_ALLOW": "127.0.0.1",
        "HEADGATE_RUN_LEASE": "15",
    }
    chat_wire.default = model

    @asynccontextmanager
    async def settle(load: Load) -> AsyncIterator[Place]:
        async with AsyncExitStack() as stack:
            nodes: list[Process] = []
            for name in ("first",) if db.is_sqlite else ("first", "second"):
                of_node = settings | {"HEADGATE_DATA_DIR": str(tmp_path / name)}
                nodes.append(await servers.start(of_node, tmp_path))
                stack.push_async_callback(nodes[-1].kill)
            urls = [node.url for node in nodes]
            users = [await user(stack, db, f"u{number}", urls) for number in range(load.users)]
            for number in range(load.secrets):
                of = users[number % len(users)]
                of.secrets.append(await of.stores("openai" if number < len(users) else "secret_ai", chat_wire.url))
            given = settings | {"HEADGATE_DATA_DIR": str(tmp_path / "first")}
            keys = MasterKeys(Settings.model_validate({"master_key_file": file, "data_dir": tmp_path / "first"}))

            async def command(*arguments: str) -> Process:
                return await servers.start(given, tmp_path, arguments=arguments)

            yield Place(db, keys, users, chat_wire, command)

    return settle


async def user(stack: AsyncExitStack, db: Database, name: str, urls: list[str]) -> User:
    account = {"email": f"{name}@example.com", "password": PASSWORD}
    async with db.writing() as db_session:
        await AccountService.open(db_session).create(account["email"], PASSWORD, role=Role.USER)
    limits = httpx.Limits(max_connections=None)
    client = await stack.enter_async_context(httpx.AsyncClient(timeout=30, limits=limits))
    token = (await client.post(f"{urls[0]}/api/access/login", json=account)).json()["access_token"]
    client.headers["Authorization"] = f"Bearer {token}"
    return User(name, client, [*urls])


@dataclass
class Traffic:
    """Streams and requests, a steady number of each, until `over`. Whatever fails ends the test."""

    place: Place
    load: Load
    over: anyio.Event = field(default_factory=anyio.Event)
    done: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    seconds: float = 0.0

    async def stream(self, number: int) -> None:
        one = self.place.users[number % len(self.place.users)]
        words = " ".join(f"{one.name}/{n}" for n in range(self.load.words))
        # Not all at once: nor do they come so later.
        await anyio.sleep(number / self.load.streams * self.load.words / A_SECOND)
        while not self.over.is_set():
            url = one.nodes[0]
            body = said(f"{one.name}: {self.load.words}", model="openai/m", secret_id=one.secrets[0])
            headers = {"Accept": "text/event-stream"}
            async with one.client.stream("POST", url + CHAT, json=body, headers=headers) as response:
                assert response.status_code == 200, await response.aread()
                check_transcript(await read_all(response), {words})
            self.done["streams"] += 1

    async def requests(self) -> None:
        """They come when they come, and not one after the other; but no more than so many wait for their answers."""
        places = anyio.Semaphore(AT_ONCE)
        began = anyio.current_time()
        async with anyio.create_task_group() as tasks:
            for number in count():
                await anyio.sleep_until(began + number / self.load.requests)
                await places.acquire()
                if self.over.is_set():
                    self.done["asked"], self.seconds = number, anyio.current_time() - began
                    return
                tasks.start_soon(self._request, number, places)

    async def _request(self, number: int, places: anyio.Semaphore) -> None:
        one = self.place.users[number % len(self.place.users)]
        began = anyio.current_time()
        match number // len(self.place.users) % 6:
            case 0:
                await one.asks("PATCH", f"/api/secrets/{one.secrets[1]}", {"name": f"name {number}"})
            case 1:
                body = {"value": f"sk-of-{one.name}-{next(one.versions):030}", "base_url": self.place.wire.url}
                await one.asks("POST", f"/api/secrets/{one.secrets[0]}/rotate", {**body, "overlap": 600})
            case 2:
                stored = await one.stores("anthropic", self.place.wire.url)
                await one.asks("DELETE", f"/api/secrets/{stored}", status=204)
            case 3:
                await one.asks("GET", "/api/secrets")
            case _:
                await one.asks("GET", f"/api/secrets/{one.secrets[number % len(one.secrets)]}")
        self.done["answered"] += 1
        self.slowest = max(self.slowest, anyio.current_time() - began)
        places.release()


@asynccontextmanager
async def under_load(place: Place, load: Load) -> AsyncIterator[Traffic]:
    traffic = Traffic(place, load)
    async with anyio.create_task_group() as tasks:
        for number in range(load.streams):
            tasks.start_soon(traffic.stream, number)
        tasks.start_soon(traffic.requests)
        await anyio.lowlevel.checkpoint()
        yield traffic
        traffic.over.set()


async def rotated(place: Place) -> str:
    """Returns all that the command has said."""
    process = await place.command("keys", "rotate")
    assert await process.wait() == 0, process.said
    return f"{process.url}\n{process.said}"


async def killed_in_the_middle(place: Place) -> dict[str, int]:
    """Kill a rotation as soon as some data keys are under the new key. Returns what wraps how many then."""
    for _ in range(20):
        before = {*await place.wraps()}
        process = await place.command("keys", "rotate")
        while {*await place.wraps()} == before:  # noqa: ASYNC110 - it is the database that tells
            await anyio.sleep(0.005)
        await process.kill()
        wraps = await place.wraps()
        if len(wraps) > 1:
            return wraps
        await rotated(place)  # it was quicker than the signal
    raise AssertionError("no rotation could be killed in its middle")


@pytest.mark.parametrize("load", [SHORT, LONG])
async def test_rotations_under_load_fail_nobody_and_go_on_after_a_kill(
    settled: Callable[[Load], Any], load: Load
) -> None:
    said_by_commands: list[str] = []
    async with settled(load) as place:
        async with under_load(place, load) as traffic:
            halfway: dict[str, int] = {}
            for number in range(load.rotations):
                if number == load.rotations // 2:
                    halfway = await killed_in_the_middle(place)
                said_by_commands.append(await rotated(place))
        audit = await place.command("audit", "verify")
        assert await audit.wait() == 0, audit.said
        shown = [await one.reveals() for one in place.users]
        (key,) = place.keys.load()
        wraps = await place.wraps()

    figure("rotations", load.rotations, f"in {traffic.seconds:.0f} s")
    figure("streams", traffic.done["streams"], "whole")
    figure("requests", traffic.done["answered"], f"answered, {traffic.done['asked'] / traffic.seconds:.1f} a second")
    figure("slowest request", traffic.slowest, "s")
    assert traffic.done["answered"] == traffic.done["asked"] >= 0.98 * load.requests * traffic.seconds - 1
    assert len(halfway) == 2
    going_on = [said.startswith("Going on with the rotation") for said in said_by_commands]
    assert going_on.index(True) == load.rotations // 2
    assert going_on.count(True) == 1
    assert all("Retired" in said for said in said_by_commands)
    assert {*wraps} == {key.id}
    assert all(value.startswith(f"sk-of-{one.name}-") for one, value in zip(place.users, shown, strict=True))
