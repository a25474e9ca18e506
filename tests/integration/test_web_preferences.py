"""How somebody likes their answers to come, as it is seen in a browser."""

from collections.abc import AsyncIterator

import anyio
import pytest
from playwright.async_api import expect

from app.server.settings import Settings
from tests.browser import OpenPage, Person
from tests.chatting import conversation, last_answer, say, serving
from tests.integration.conftest import LiveServer
from tests.wires.chat import ChatWire
from tests.wires.script import Reasoning, answer

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire) as running:
        yield running


async def prefers(person: Person, **preferences: object) -> None:
    (await person.api.patch("/api/me", json={"preferences": preferences})).raise_for_status()


async def test_an_answer_comes_whole_and_without_its_reasoning_for_who_likes_it_so(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    held = anyio.Event()
    chat_wire.queue(answer(Reasoning("They want both halves."), "The first half", held, " and the second."))
    await prefers(person, streaming=False, effects=False)
    page = await open_page("/chat", person=person)
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await say(page, "Tell me both halves")

    # It comes, and is not shown.
    await expect(conversation(page).get_by_text("Writing…")).to_be_visible()
    assert "first half" not in await conversation(page).inner_text()
    held.set()
    await expect(last_answer(page)).to_contain_text("The first half and the second.")
    await expect(last_answer(page).get_by_text("Reasoning")).to_have_count(0)

    await last_answer(page).get_by_role("button", name="Copy answer").click()
    assert await page.evaluate("navigator.clipboard.readText()") == "The first half and the second."


async def test_nothing_moves_for_who_wants_no_motion(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    held = anyio.Event()
    chat_wire.queue(answer(held, "Hello."))
    calm = await open_page("/chat", person=person)
    await say(calm, "Hi")
    await expect(conversation(calm).get_by_text("Thinking…")).to_be_visible()
    moving = await open_page(calm.url, person=person, calm=False)
    await expect(conversation(moving).get_by_text("Thinking…")).to_be_visible()

    endless = "document.getAnimations().some((one) => one.effect.getComputedTiming().iterations === Infinity)"
    assert await moving.evaluate(endless)
    assert not await calm.evaluate(endless)

    held.set()
    for page in (calm, moving):
        await expect(last_answer(page)).to_contain_text("Hello.")
