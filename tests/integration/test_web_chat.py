"""The chat, as somebody sees it in a browser, over a fake provider."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest
from playwright.async_api import expect

from app.domain.runs.repository import RunRepository
from app.lib.clock import SystemClock
from app.server.settings import Settings
from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations
from tests.chatting import conversation, last_answer, say, serving
from tests.integration.conftest import LiveServer
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Ending, Reasoning, answer, refusal

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


@pytest.fixture
def limits() -> dict[str, int]:
    """Of the server's users, where a test is about them."""
    return {}


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire, limits: dict[str, int]) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire, **limits) as running:
        yield running


async def test_an_answer_is_seen_as_it_is_written(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    first, rest = anyio.Event(), anyio.Event()
    chat_wire.queue(answer(first, "Hello **wor", rest, "ld** and `code`.\n\n- one\n- two\n"))
    page = await open_page("/chat", person=person)

    await say(page, "Greet me")
    await expect(conversation(page).get_by_text("Thinking…")).to_be_visible()
    first.set()
    # Bold before its end is known, and no stars meanwhile.
    await expect(last_answer(page).locator("strong")).to_have_text("wor")
    await expect(last_answer(page)).not_to_contain_text("*")
    rest.set()

    await expect(last_answer(page).locator("strong")).to_have_text("world")
    await expect(last_answer(page).locator("code")).to_have_text("code")
    await expect(last_answer(page).get_by_role("listitem")).to_have_text(["one", "two"])
    await expect(last_answer(page).locator("[data-progress]")).to_contain_text("5 tokens")
    await expect(page.get_by_role("log")).to_contain_text("The answer is complete.")
    await expect(page).to_have_url(re.compile(r"/chat/[0-9a-f]{32}$"))
    await expect(page.get_by_role("link", name="Greet me")).to_be_visible()
    await no_axe_violations(page)


async def test_a_reload_and_a_second_tab_see_the_same_answer(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    rest = anyio.Event()
    chat_wire.queue(answer("The first half", rest, " and the second."))
    page = await open_page("/chat", person=person)
    await say(page, "Tell me both halves")
    await expect(last_answer(page)).to_contain_text("The first half")

    await page.reload()
    other = await open_page(page.url, context=page.context)
    for tab in (page, other):
        await expect(last_answer(tab)).to_contain_text("The first half")
        await expect(tab.get_by_role("article")).to_contain_text("Tell me both halves")
    rest.set()

    for tab in (page, other):
        await expect(last_answer(tab)).to_contain_text("The first half and the second.")
    chat_wire.queue(answer("Again."), answer("From a program."))
    await say(other, "And now?")
    await expect(last_answer(page)).to_contain_text("Again.")
    begun = {"messages": [{"role": "user", "content": "By curl"}], "session_id": page.url.rpartition("/")[2]}
    (await person.api.post("/api/agents/chat/invoke", json=begun)).raise_for_status()
    for tab in (page, other):
        await expect(last_answer(tab)).to_contain_text("From a program.")
        await expect(tab.get_by_role("article").last).to_contain_text("By curl")
    assert len(chat_wire.requests) == 3


STOP = """() => new Promise((resolve) => {
    const stopped = () => document.querySelector('[aria-label="Conversation"]').innerText.split("Stopped.").length;
    const before = stopped();
    const from = performance.now();
    const look = () => stopped() > before ? resolve(performance.now() - from) : requestAnimationFrame(look);
    document.querySelector('button[aria-label="Stop"]').click();
    look();
})"""


async def test_stopping_is_felt_at_once_and_the_answer_can_go_on(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    page = await open_page("/chat", person=person)
    took: list[float] = []
    while not took or (took[-1] >= 200 and len(took) < 3):  # a busy machine may hold up the browser
        chat_wire.queue(answer("An answer that never ends", ending=Ending.STALL))
        await say(page, "Talk")
        await expect(last_answer(page)).to_contain_text("An answer that never ends")
        took.append(await page.evaluate(STOP))
        await (await chat_wire.request(len(took))).hung_up.wait()
    assert took[-1] < 200
    chat_wire.queue(answer(" until it does."))
    await page.get_by_role("button", name="Continue").last.click()

    await expect(last_answer(page)).to_contain_text("until it does.")


async def test_an_answer_is_paused_and_resumed(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    rest = anyio.Event()
    chat_wire.queue(answer("Before", rest, " and after."))
    page = await open_page("/chat", person=person)
    await say(page, "Talk")
    await expect(last_answer(page)).to_contain_text("Before")

    await page.get_by_role("button", name="Pause").click()
    await expect(conversation(page).get_by_text("Paused. Nothing is lost")).to_be_visible()
    rest.set()
    await page.get_by_role("button", name="Resume").click()

    await expect(last_answer(page)).to_contain_text("Before and after.")


async def test_a_message_is_edited_and_an_answer_made_again(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    chat_wire.queue(answer("One."), answer("Two."), answer("Three."))
    page = await open_page("/chat", person=person)
    await say(page, "Count")
    await expect(last_answer(page)).to_contain_text("One.")

    await page.get_by_role("button", name="Answer again").click()
    await expect(last_answer(page)).to_contain_text("Two.")
    await expect(conversation(page).get_by_text("One.")).to_have_count(0)
    await page.get_by_role("article").hover()
    await page.get_by_role("button", name="Edit message").click()
    await page.get_by_label("Edit your message").fill("Count on")
    await page.get_by_role("button", name="Send").first.click()
    await expect(last_answer(page)).to_contain_text("Three.")
    await page.reload()

    await expect(page.get_by_role("article")).to_have_count(1)
    await expect(page.get_by_role("article")).to_contain_text("Count on")
    assert [seen.last_words for seen in chat_wire.requests] == ["Count", "Count", "Count on"]


async def test_tools_and_thoughts_are_shown_folded_also_when_one_comes_back(
    open_page: OpenPage, person: Person, chat_wire: ChatWire, server: LiveServer
) -> None:
    held = anyio.Event()
    chat_wire.queue(
        answer(Reasoning("They want milk."), Call("create_todo", {"item": "Buy milk"})),
        answer(held, "It is on your list."),
    )
    page = await open_page("/chat", person=person, size=PHONE)
    await page.get_by_label("Agent").select_option("todo")
    await say(page, "Milk, please")

    card = page.locator("details[data-tool=create_todo]")
    took = card.locator("summary").get_by_text(re.compile(r"^[\d.]+ s$"))
    thought = conversation(page).get_by_text("They want milk.")
    await expect(card).to_contain_text("done")
    await expect(took).to_be_visible()
    await expect(thought).to_be_hidden()
    held.set()
    await expect(last_answer(page)).to_contain_text("It is on your list.")
    await last_answer(page).get_by_text("Reasoning").click()
    await expect(thought).to_be_visible()
    await card.locator("summary").click()
    await expect(card.get_by_label("Arguments", exact=True)).to_contain_text('"item": "Buy milk"')
    await expect(card.get_by_label("Result", exact=True)).to_contain_text('"status": "pending"')
    await no_axe_violations(page)
    await fits_the_window(page)

    await page.reload()
    await last_answer(page).get_by_text("Reasoning").click()
    await expect(thought).to_be_visible()
    await expect(card).to_contain_text("done")
    await expect(took).to_have_count(0)  # nobody keeps it, and a wrong one is worse than none
    await expect(last_answer(page).locator("[data-progress]")).to_contain_text(re.compile(r"^[\d.]+ s"))
    await expect(page.get_by_role("log")).to_be_empty()
    async with server.app.state.db.writing() as db_session:
        await RunRepository(db_session).purge_logs(SystemClock().now() + timedelta(days=1), 10)
    await page.reload()
    await expect(last_answer(page)).to_contain_text("It is on your list.")
    await expect(card).to_contain_text("done")
    await expect(thought).to_have_count(0)


async def test_a_refusal_keeps_the_draft_and_says_what_to_do(
    open_page: OpenPage, person: Person, chat_wire: ChatWire, server: LiveServer
) -> None:
    chat_wire.queue(answer("Fine."), refusal(401))
    page = await open_page("/chat", person=person)
    await say(page, "First")
    await expect(last_answer(page)).to_contain_text("Fine.")
    await page.route("**/api/agents/*/invoke", lambda route: route.abort())
    await say(page, "A thought worth keeping")

    await expect(page.get_by_role("alert")).to_contain_text("Check your connection")
    await expect(page.get_by_label("Message", exact=True)).to_have_value("A thought worth keeping")
    await page.reload()
    await expect(page.get_by_label("Message", exact=True)).to_have_value("A thought worth keeping")
    await page.unroute("**/api/agents/*/invoke")
    await page.get_by_label("Message", exact=True).press("Enter")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()
    await expect(last_answer(page)).to_contain_text("choose another model")


@pytest.mark.parametrize("limits", [{"rate_limit_per_minute": 1}])
async def test_a_limit_is_told_in_words(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Fine."))
    page = await open_page("/chat", person=person, size=PHONE)
    await say(page, "First")
    await expect(last_answer(page)).to_contain_text("Fine.")

    await say(page, "Second")

    told = page.get_by_role("alert")
    await expect(told).to_contain_text("many messages in a short time")
    await expect(told).to_contain_text(re.compile(r"Try again in \d+ seconds"))
    await expect(told.get_by_role("link", name="See what is left")).to_be_visible()
    await expect(page.get_by_label("Message", exact=True)).to_have_value("Second")
    await no_axe_violations(page)
    await fits_the_window(page)


async def test_the_view_follows_the_end_until_one_scrolls_up(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    more, end = anyio.Event(), anyio.Event()
    lines = "".join(f"Line {number}.\n\n" for number in range(60))
    chat_wire.queue(answer(lines, more, "More.\n\n", lines, end, "The end."))
    page = await open_page("/chat", person=person)
    await say(page, "Talk")
    await expect(conversation(page).get_by_text("Line 59.")).to_be_in_viewport()

    await page.get_by_role("region", name="Conversation").hover()
    await page.mouse.wheel(0, -900)
    jump = page.get_by_role("button", name="Jump to the latest")
    await expect(jump).to_be_visible()
    more.set()
    await expect(last_answer(page)).to_contain_text("More.")
    await expect(conversation(page).get_by_text("More.")).not_to_be_in_viewport()
    await jump.click()
    end.set()

    await expect(conversation(page).get_by_text("The end.")).to_be_in_viewport()


async def test_a_conversation_is_exported_and_deleted(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("A fine answer."))
    page = await open_page("/chat", person=person, size=PHONE, dark=True)
    await say(page, "Something to keep")
    await expect(last_answer(page)).to_contain_text("A fine answer.")

    async with page.expect_download() as download:
        await page.get_by_role("button", name="Export").click()
        await page.get_by_role("menuitem", name="As Markdown").click()
    saved = await (await download.value).path()
    assert "A fine answer." in saved.read_text()
    await page.get_by_role("button", name="Conversations").click()
    await no_axe_violations(page)
    await page.get_by_role("button", name="Delete “Something to keep”").click()
    await page.get_by_role("button", name="Delete", exact=True).click()

    await expect(page.get_by_role("heading", name="What shall we do?")).to_be_visible()
    assert (await person.api.get("/api/sessions")).json()["total"] == 0
    await fits_the_window(page)


async def test_all_is_done_with_the_keyboard_alone(open_page: OpenPage, person: Person, chat_wire: ChatWire) -> None:
    chat_wire.queue(answer("Half an answer", ending=Ending.STALL))
    page = await open_page("/chat", person=person)
    await expect(page.get_by_label("Message", exact=True)).to_be_focused()
    await page.keyboard.type("Hello")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("there")
    await page.keyboard.press("Enter")
    await expect(last_answer(page)).to_contain_text("Half an answer")
    await page.keyboard.press("Escape")
    await expect(conversation(page).get_by_text("Stopped.")).to_be_visible()
    # Only when the server has stopped it too can one go on.
    await expect(page.get_by_role("button", name="Continue")).to_be_enabled()

    reached = []
    for _ in range(40):
        await page.keyboard.press("Tab")
        reached.append(await page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.innerText"))
    wanted = {"Agent", "Model", "Export", "Conversation", "Continue", "Edit message", "New conversation"}
    assert wanted <= set(reached)
    assert (await chat_wire.request()).last_words == "Hello\nthere"
