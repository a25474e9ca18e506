"""What an agent asks its user while it works, as it is seen and answered in a browser."""

import json
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from app.server.settings import Settings
from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations
from tests.chatting import last_answer, say, serving
from tests.integration.conftest import LiveServer
from tests.wires.chat import ChatWire
from tests.wires.script import Call, answer

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire) as running:
        yield running


async def test_a_call_waits_for_a_yes_and_a_no_tells_why(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    made = await person.api.post(
        "/api/agents", json={"name": "Careful", "tools": ["create_todo"], "approve": ["create_todo"]}
    )
    chat_wire.queue(
        answer(Call("create_todo", {"item": "Sell the house"})),
        answer("I did not."),
        answer(Call("create_todo", {"item": "Buy bread"})),
        answer("I did."),
    )
    page = await open_page("/chat", person=person)
    await page.get_by_label("Agent").select_option(made.json()["id"])
    await say(page, "Sell it")
    await expect(page.get_by_role("region", name="May the agent do this")).to_contain_text("Sell the house")
    await no_axe_violations(page)
    await page.reload()
    await page.get_by_role("button", name="Do not allow…").click()
    await page.get_by_label("Why not?").fill("We live in it")
    await page.get_by_role("button", name="Do not allow", exact=True).click()
    await expect(last_answer(page)).to_contain_text("I did not.")
    await say(page, "Bread, then")
    await page.get_by_role("button", name="Allow", exact=True).click()

    await expect(last_answer(page)).to_contain_text("I did.")
    todos = (await person.api.get("/api/todos")).json()["items"]
    assert [todo["item"] for todo in todos] == ["Buy bread"]
    assert "We live in it" in str(chat_wire.requests[1].messages)


async def asked(page: Page, words: str) -> None:
    await expect(page.get_by_role("region", name="The agent asks you")).to_contain_text(words)


async def test_an_agent_asks_in_words_and_goes_on_with_what_any_tab_answers(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    made = await person.api.post("/api/agents", json={"name": "Asker", "tools": ["ask_user"]})
    chat_wire.queue(
        answer("I plan it.", Call("ask_user", {"prompt": "Which day suits you?"})),
        answer(Call("ask_user", {"prompt": "At what time?"}, id="call_2")),
        answer("It is planned."),
    )
    page = await open_page("/chat", person=person, size=PHONE)
    await page.get_by_label("Agent").select_option(made.json()["id"])
    await say(page, "Plan it")
    await asked(page, "Which day suits you?")
    await expect(page.get_by_role("log")).to_contain_text("The agent asks: Which day suits you?")
    await no_axe_violations(page)
    await fits_the_window(page)

    await page.reload()
    await asked(page, "Which day suits you?")
    other = await open_page(page.url, context=page.context)
    await asked(other, "Which day suits you?")
    await other.get_by_label("Your answer").fill("Friday")
    await other.get_by_role("button", name="Answer", exact=True).click()
    # The tab that did not answer asks what is asked now.
    await asked(page, "At what time?")
    await expect(page.get_by_label("Your answer")).to_have_value("")
    await page.get_by_label("Your answer").focus()
    await page.keyboard.type("At nine")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("or ten")
    await page.keyboard.press("Enter")

    for tab in (page, other):
        await expect(last_answer(tab)).to_contain_text("It is planned.")
        await expect(tab.get_by_role("region", name="The agent asks you")).to_have_count(0)
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    told = [json.loads(seen.messages[-1]["content"]) for seen in chat_wire.requests[1:]]
    assert told == [{"answer": "Friday"}, {"answer": "At nine\nor ten"}]
