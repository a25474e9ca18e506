"""Warnings of secrets that end soon: in the list, and on the user's WebSocket."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest

from app.lib.clock import FixedClock
from app.server import running as assembly
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.owners import ON_SQLITE, People, Person, with_vault
from tests.sockets import Told, socket_of
from tests.wires.chat import ChatWire

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
pytestmark = ON_SQLITE


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
async def server(settings: Settings, clock: FixedClock) -> AsyncIterator[LiveServer]:
    async with live_server(with_vault(settings), clock=clock) as running:
        yield running


@pytest.fixture
async def people(server: LiveServer) -> AsyncIterator[People]:
    async with AsyncExitStack() as stack:
        yield People(server, stack)


async def stores(person: Person, wire: ChatWire, name: str, **until: float) -> str:
    return await person.stores(wire.url, name=name, expires_at=(NOW + timedelta(**until)).isoformat())


def is_notice(told: Told) -> bool:
    return "notice" in told


async def test_who_comes_is_told_what_ends_soon_and_of_nobody_elses(people: People, chat_wire: ChatWire) -> None:
    ada, bob = await people.new(), await people.new()
    soon = await stores(ada, chat_wire, "old key", days=6)
    await stores(ada, chat_wire, "new key", days=60)
    await stores(bob, chat_wire, "bob's", days=3)

    async with socket_of(ada.client) as socket:
        told = await socket.until(is_notice)

    assert told["notice"] == {
        "kind": "secret_expiring",
        "detail": "The secret 'old key' ends within 7 days.",
        "secret_id": soon,
        "expires_at": "2026-11-27T12:00:00Z",
        "days": 7,
    }
    assert [told for told in socket.told if is_notice(told)] == [told]


async def test_who_is_there_is_told_when_the_next_border_is_passed(
    people: People, chat_wire: ChatWire, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "WARN_SECONDS", 0.02)
    ada = await people.new()
    await stores(ada, chat_wire, "key", days=31)
    heard: list[Any] = []

    async with socket_of(ada.client) as socket:
        assert await socket.ok("ping")
        for seconds in (86_400 * 2, 86_400 * 23, 86_400 * 5.5):
            clock.advance(seconds)
            with anyio.fail_after(10):
                while (told := await socket.hear()) and not is_notice(told):
                    pass
            heard.append(told["notice"]["days"])

    assert heard == [30, 7, 1]


async def test_the_list_warns_and_says_what_is_over(people: People, chat_wire: ChatWire, clock: FixedClock) -> None:
    ada = await people.new()
    for days in (60, 30, 7, 1):
        await stores(ada, chat_wire, f"{days}", days=days)

    first = (await ada.client.get("/api/secrets")).json()["items"]
    clock.advance(86_400)
    await ada.comes_in()
    later = (await ada.client.get("/api/secrets")).json()["items"]

    assert {each["name"]: each["warnings"] for each in first} == {
        "60": [],
        "30": ["expires_in_30_days"],
        "7": ["expires_in_7_days"],
        "1": ["expires_in_1_day"],
    }
    assert {each["name"]: each["state"] for each in first} == dict.fromkeys(("60", "30", "7", "1"), "active")
    assert next((each["state"], each["warnings"]) for each in later if each["name"] == "1") == ("expired", [])
