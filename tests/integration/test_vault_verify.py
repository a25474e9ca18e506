"""Checking a key with its provider, before it is stored and after."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.owners import KEY, ON_SQLITE, People, Person, with_vault
from tests.wires.chat import ChatWire, Seen
from tests.wires.script import Script, refusal

CANDIDATE = {"provider": "openai", "value": KEY}


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(with_vault(settings)) as running:
        yield running


@pytest.fixture
async def ada(server: LiveServer) -> AsyncIterator[Person]:
    async with AsyncExitStack() as stack:
        yield await People(server, stack).new()


def echo(seen: Seen) -> Script:
    return refusal(401, {"error": {"message": f"Incorrect API key provided: {seen.headers}"}})


@ON_SQLITE
async def test_a_key_can_be_checked_before_it_is_stored(ada: Person, chat_wire: ChatWire) -> None:
    checked = await ada.client.post("/api/secrets/verify", json={**CANDIDATE, "base_url": chat_wire.url})

    assert (checked.status_code, checked.json()) == (200, {"answer": "valid"})
    assert chat_wire.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert (await ada.client.get("/api/secrets")).json()["total"] == 0


@ON_SQLITE
async def test_a_stored_key_can_be_checked_and_the_trail_says_what_came_of_it(ada: Person, chat_wire: ChatWire) -> None:
    secret_id = await ada.stores(chat_wire.url)
    good = await ada.client.post(f"/api/secrets/{secret_id}/verify")
    chat_wire.probed = echo
    bad = await ada.client.post(f"/api/secrets/{secret_id}/verify")

    assert [good.json(), bad.json()] == [{"answer": "valid"}, {"answer": "invalid"}]
    entries = (await ada.client.get(f"/api/secrets/{secret_id}/audit")).json()["items"]
    assert [entry["detail"] for entry in entries if entry["action"] == "verify"] == ["invalid", "valid"]


@ON_SQLITE
async def test_what_could_not_be_stored_is_not_asked_about(ada: Person, chat_wire: ChatWire) -> None:
    elsewhere = {**CANDIDATE, "base_url": "http://169.254.169.254/latest"}
    misshapen = {**CANDIDATE, "value": "sk with\nlines", "base_url": chat_wire.url}
    strange = {**CANDIDATE, "provider": "nobody"}

    answers = [await ada.client.post("/api/secrets/verify", json=body) for body in (elsewhere, misshapen, strange)]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (422, "egress_refused"),
        (422, "invalid_field"),
        (422, "unknown_provider"),
    ]
    assert chat_wire.requests == []
    assert "with" not in "".join(answer.text for answer in answers[1:2])


@ON_SQLITE
async def test_sixty_checks_an_hour_are_enough(ada: Person, chat_wire: ChatWire) -> None:
    body = {**CANDIDATE, "base_url": chat_wire.url}

    statuses = [(await ada.client.post("/api/secrets/verify", json=body)).status_code for _ in range(61)]

    assert statuses == [200] * 60 + [429]
    assert len(chat_wire.requests) == 60
