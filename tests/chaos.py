"""What it takes to hold the server to its promises: nodes that are killed, clients that come back, a model that notes
what it said.
"""

import os
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import anyio
import httpx

from tests.a2a_exchange import hold_to_schemas
from tests.limits import UNLIMITED
from tests.servers import Nursery, Process
from tests.streams import Received, events_of, said, text
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Call, Script, answer

RETRY_SECONDS = 0.1
"""After which a client comes back."""
LEASE_SECONDS = 2.0
"""A node that has no core to itself still keeps one."""
TERMINAL = frozenset({"completed", "cancelled", "error", "rate_limit_exceeded"})


def figure(what: str, value: float, unit: str) -> None:
    """Tell what was measured: `make soak` shows it."""
    print(f"\n  {what}: {value:,.3g} {unit}")  # noqa: T201


class Teller:
    """A model that never says the same twice and keeps what it said, by the run it was said to.

    It makes `todos` todos before it answers.
    """

    def __init__(self, *, words: int, gap: float, todos: int = 0) -> None:
        self.said: dict[str, set[str]] = defaultdict(set)
        self._words = words
        self._gap = gap
        self._todos = todos
        self._asked: Counter[str] = Counter()

    def __call__(self, seen: Seen) -> Script:
        found = re.search(r"run \d+", seen.last_words)
        assert found is not None
        name = found[0]
        self._asked[name] += 1
        words = " ".join(f"{name}/{self._asked[name]}/{n}" for n in range(self._words))
        self.said[name].add(words)
        done = sum(message["role"] == "tool" for message in seen.messages)
        if done == self._todos:
            return answer(words, gap=self._gap)
        # Of every other run the calls have one id, of the others never the same.
        call_id = "call_1" if int(name.split()[1]) % 2 else f"call_{name}_{self._asked[name]}"
        return answer(words, Call("create_todo", {"item": f"{name} todo {done}"}, id=call_id), gap=self._gap)


def environment(wire: ChatWire, database_url: str = "") -> dict[str, str]:
    """Of a node; without a database's URL it is SQLite in the node's folder."""
    return {
        "PATH": os.defpath,
        "HEADGATE_PORT": "0",
        "HEADGATE_LOG_LEVEL": "ERROR",
        "HEADGATE_DATABASE_URL": database_url,
        "HEADGATE_RUN_LEASE": str(LEASE_SECONDS),
        "HEADGATE_DEFAULT_MODEL": "openai/fake",
        **{f"HEADGATE_{name.upper()}": str(value) for name, value in UNLIMITED.items()},
        "OPENAI_API_KEY": "sk-test-0123456789",
        "OPENAI_BASE_URL": wire.url,
    }


class Fleet:
    """Nodes on one database, and how much all clients together have seen."""

    def __init__(self, nursery: Nursery, folder: Path, environment: Mapping[str, str]) -> None:
        self.urls: dict[str, str] = {}
        """Where each node was heard of last."""
        self.kills: list[float] = []
        self.seen = 0
        self._nursery = nursery
        self._folder = folder
        self._environment = environment
        self._processes: dict[str, Process] = {}
        self._news = anyio.Event()

    async def start(self, node: str) -> None:
        folder = self._folder / node
        if not folder.exists() and self.urls:
            shutil.copytree(self._folder / next(iter(self.urls)), folder)  # nodes share their keys
        environment = {**self._environment, "HEADGATE_DATA_DIR": str(folder)}
        self._processes[node] = await self._nursery.start(environment, self._folder)
        self.urls[node] = self._processes[node].url

    async def kill(self, node: str) -> None:
        self.kills.append(anyio.current_time())
        await self._processes.pop(node).kill()

    def process(self, node: str) -> Process:
        return self._processes[node]

    async def stop(self) -> None:
        for process in self._processes.values():
            await process.kill()

    def saw(self) -> None:
        self.seen += 1
        self._news.set()
        self._news = anyio.Event()

    async def shows(self, events: int) -> None:
        """Wait until clients have seen so many more."""
        goal = self.seen + events
        while self.seen < goal:
            await self._news.wait()

    def last_kill(self, before: float) -> float:
        return max((at for at in self.kills if at < before), default=0.0)


@asynccontextmanager
async def fleet_of(
    *nodes: str, servers: Nursery, folder: Path, settings: Mapping[str, str]
) -> AsyncIterator[tuple[Fleet, httpx.AsyncClient]]:
    """With what speaks for a user of it."""
    account = {"email": "ada@example.com", "password": "correct horse battery staple", "name": "Ada"}
    fleet = Fleet(servers, folder, settings)
    try:
        for node in nodes:
            await fleet.start(node)
        limits, hooks = httpx.Limits(max_connections=None), {"response": [hold_to_schemas]}
        async with httpx.AsyncClient(timeout=20, limits=limits, event_hooks=hooks) as http:
            url = fleet.urls[nodes[0]]
            (await http.post(f"{url}/api/access/signup", json=account)).raise_for_status()
            token = (await http.post(f"{url}/api/access/login", json=account)).json()["access_token"]
            http.headers["Authorization"] = f"Bearer {token}"
            yield fleet, http
    finally:
        await fleet.stop()


@dataclass
class Client:
    """Starts a run and follows it as a simple client does: it comes back with its last id until the run has ended.

    Where a start went unanswered it is said again, with the same key.
    """

    fleet: Fleet
    http: httpx.AsyncClient
    name: str
    path: str
    chance: Random
    events: list[Received] = field(default_factory=list)
    where: str | None = None
    """The run's address."""
    refused: Counter[int] = field(default_factory=Counter)
    """By status: how often it was told to come back later."""
    started_at: float = 0.0
    ended_at: float = 0.0

    @property
    def last_id(self) -> int:
        return self.events[-1].id or 0 if self.events else 0

    async def run(self) -> None:
        self.started_at = anyio.current_time()
        while not (self.events and self.events[-1].event in TERMINAL):
            try:
                await self._read(self.chance.choice([*self.fleet.urls.values()]))
            except httpx.TransportError:
                await anyio.sleep(RETRY_SECONDS)
        self.ended_at = anyio.current_time()

    async def _read(self, url: str) -> None:
        if self.where is None:
            headers = {"Accept": "text/event-stream", "Idempotency-Key": self.name}
            body = said(self.name, session_id=self.name.replace(" ", "-"))
            request = self.http.stream("POST", url + self.path, json=body, headers=headers)
        else:
            headers = {"Last-Event-ID": str(self.last_id)}
            request = self.http.stream("GET", f"{url}{self.where}/events", headers=headers)
        async with request as response:
            if response.status_code != 200:
                await response.aread()
                assert response.status_code == 503, (response.status_code, response.text)
                self.refused[response.status_code] += 1
                raise httpx.TransportError("later")
            self.where = response.headers.get("location", self.where)
            async for event in events_of(response):
                if event.id is not None:
                    self.events.append(event)
                    self.fleet.saw()

    def stranded(self) -> float:
        """Seconds from the last kill, or from its start, to its end."""
        return self.ended_at - max(self.started_at, self.fleet.last_kill(self.ended_at))


def standing(events: list[Received]) -> list[Received]:
    """What is not void in the end."""
    kept: list[Received] = []
    for event in events:
        if event.event == "superseded":
            kept = [one for one in kept if one.id is not None and one.id < event.data["from_seq"]]
        else:
            kept.append(event)
    return kept


def void(events: list[Received]) -> list[str]:
    """The text of each answer that was taken back."""
    return [
        text([one for one in events[:n] if one.id is not None and one.id >= event.data["from_seq"]])
        for n, event in enumerate(events)
        if event.event == "superseded"
    ]


def messages(events: list[Received]) -> list[str]:
    """The finished messages, each of which its deltas must add up to."""
    found: list[str] = []
    deltas = ""
    for event in events:
        if event.event == "message_delta":
            deltas += event.data["content"]
        elif event.event == "message":
            assert event.data == {"content": deltas, "partial": False}
            found.append(deltas)
            deltas = ""
    assert deltas == ""
    return found


def check_transcript(events: list[Received], said_to_it: set[str], *, answers: int = 1) -> None:
    """Nothing lost, doubled or out of order; one end; whole answers of the model; what is void was the start of one."""
    assert [event.id for event in events] == list(range(1, len(events) + 1))
    assert [event.event for event in events if event.event in TERMINAL] == ["completed"], events[-1]
    assert events[-1].event == "completed"
    assert [event.event for event in events if event.event == "session_initialized"] == ["session_initialized"]
    told = messages(standing(events))
    assert len(told) == answers
    assert set(told) <= said_to_it
    assert events[-1].data["final_message"] == told[-1]
    assert all(any(words.startswith(start) for words in said_to_it) for start in void(events))


async def everything(http: httpx.AsyncClient, url: str) -> list[Any]:
    """All items of a list."""
    items: list[Any] = []
    while True:
        response = await http.get(url, params={"limit": 100, "offset": len(items)})
        page = response.raise_for_status().json()
        items += page["items"]
        if len(items) >= page["total"]:
            return items
