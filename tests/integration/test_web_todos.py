"""The page of todos, in a browser: by hand, and while an agent works on them."""

from collections.abc import AsyncIterator

import anyio
import pytest
from playwright.async_api import expect

from app.server.settings import Settings
from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations
from tests.chatting import serving
from tests.integration.conftest import LiveServer
from tests.wires.chat import ChatWire
from tests.wires.script import Call, answer

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]
DAY = "2027-03-01"


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    async with serving(settings, chat_wire) as running:
        yield running


async def test_a_todo_is_added_planned_finished_and_deleted(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/todos", person=person)
    await expect(page.get_by_text("Nothing to do")).to_be_visible()

    await page.get_by_role("button", name="New todo").click()
    form = page.get_by_role("dialog", name="New todo")
    await form.get_by_role("button", name="Add todo").click()
    await expect(form.get_by_text("Say what is to be done.")).to_be_visible()
    await form.get_by_label("What is to be done").fill("Call the dentist")
    await form.get_by_label("Starts").fill(f"{DAY}T10:00")
    await form.get_by_label("Ends").fill(f"{DAY}T09:00")
    await form.get_by_label("Importance").select_option("urgent")
    await form.get_by_label("Tags", exact=True).fill("health")
    await page.keyboard.press("Enter")
    await expect(form.get_by_role("button", name="Take off health")).to_be_visible()
    await form.get_by_role("button", name="Add todo").click()
    await expect(form.get_by_label("Ends")).to_have_attribute("aria-invalid", "true")
    await form.get_by_label("Ends").fill(f"{DAY}T11:00")
    await no_axe_violations(page)
    await form.get_by_role("button", name="Add todo").click()

    row = page.get_by_role("list", name="Todos").get_by_role("listitem")
    await expect(row).to_contain_text("Call the dentist")
    await expect(row).to_contain_text("1 Mar, 10:00")
    await expect(row).to_contain_text("#health")
    await page.get_by_role("button", name="More about Call the dentist").click()
    await page.get_by_role("menuitem", name="Show on the schedule").click()
    await expect(page.get_by_role("heading", name="1 March 2027")).to_be_visible()
    await expect(page.get_by_role("list", name="Planned")).to_contain_text("Call the dentist")

    await page.get_by_role("tab", name="List").click()
    await page.get_by_role("checkbox", name="Call the dentist is done").click()
    await expect(page.get_by_text("Nothing to do")).to_be_visible()
    await page.get_by_label("Status", exact=True).select_option("completed")
    await expect(page.get_by_role("checkbox", name="Call the dentist is done")).to_be_checked()
    await page.get_by_role("button", name="More about Call the dentist").click()
    await page.get_by_role("menuitem", name="Delete").click()
    await page.get_by_role("button", name="Delete todo").click()
    await expect(page.get_by_text("Nothing fits")).to_be_visible()


async def test_what_an_agent_does_shows_while_it_works(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    go_on, end = anyio.Event(), anyio.Event()
    planned = {"item": "Buy milk", "start_time": f"{DAY}T08:00", "end_time": f"{DAY}T08:30"}
    chat_wire.queue(answer(Call("create_todo", planned)))
    chat_wire.queue(answer(go_on, Call("create_todo", {"item": "Fetch bread"}, id="call_2")))
    chat_wire.queue(answer(end, "Both are on your list."))
    listed = await open_page("/todos", person=person)
    await expect(listed.get_by_text("Nothing to do")).to_be_visible()
    shown = await open_page("/todos", context=listed.context)
    await shown.get_by_role("tab", name="Schedule").click()
    await shown.get_by_label("Day", exact=True).fill(DAY)

    chat = await open_page("/chat", context=listed.context)
    await chat.get_by_label("Agent").select_option("todo")
    await chat.get_by_label("Message", exact=True).fill("Milk and bread")
    await chat.keyboard.press("Enter")

    await expect(listed.get_by_text("todo is at work")).to_be_visible()
    await expect(listed.get_by_role("list", name="Todos")).to_contain_text("Buy milk")
    await expect(shown.get_by_role("list", name="Planned")).to_contain_text("Buy milk")
    go_on.set()
    await expect(listed.get_by_role("list", name="Todos")).to_contain_text("Fetch bread")
    await expect(listed.get_by_text("todo is at work")).to_be_visible()
    end.set()
    await expect(listed.get_by_text("todo is at work")).to_have_count(0)


async def buy_milk(person: Person, wire: ChatWire) -> None:
    """In a run that is over before a page can have found it."""
    wire.queue(answer(Call("create_todo", {"item": "Buy milk"})), answer("It is on your list."))
    start = {"messages": [{"role": "user", "content": "Milk"}]}
    (await person.api.post("/api/agents/todo/invoke", json=start)).raise_for_status()


async def test_runs_that_were_started_elsewhere_show_at_once(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    page = await open_page("/settings", person=person)
    looks: list[str] = []
    page.on("request", lambda request: looks.append(request.url) if "/api/runs?limit=10" in request.url else None)
    welcome = anyio.Event()
    page.on("websocket", lambda socket: socket.on("framereceived", lambda _: welcome.set()))
    await page.goto("/todos")
    await welcome.wait()
    await expect(page.get_by_text("Nothing to do")).to_be_visible()

    await buy_milk(person, chat_wire)

    await expect(page.get_by_role("list", name="Todos")).to_contain_text("Buy milk")
    assert len(looks) <= 4, "it looks when it begins, when it can be told, and when it is told: not every now and then"


async def test_runs_that_were_started_elsewhere_are_looked_for_where_nobody_tells_of_them(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    page = await open_page("/settings", person=person)
    await page.route_web_socket("**/api/ws*", lambda socket: socket.close(code=1011))
    await page.goto("/todos")
    await expect(page.get_by_text("Nothing to do")).to_be_visible()

    await buy_milk(person, chat_wire)

    await expect(page.get_by_role("list", name="Todos")).to_contain_text("Buy milk")


async def test_a_day_is_planned_on_a_phone_with_the_keyboard(open_page: OpenPage, person: Person) -> None:
    for item, start in (("First", "09:00"), ("Second", "09:15")):
        todo = {"item": item, "start_time": f"{DAY}T{start}", "end_time": f"{DAY}T10:00"}
        (await person.api.post("/api/todos", json=todo)).raise_for_status()
    page = await open_page("/todos", person=person, size=PHONE, dark=True)
    await page.get_by_role("tab", name="List").focus()
    await page.keyboard.press("ArrowRight")
    await page.get_by_label("Day", exact=True).fill(DAY)

    blocks = page.get_by_role("list", name="Planned").get_by_role("button")
    await expect(blocks).to_have_count(2)
    first, second = [await blocks.nth(at).bounding_box() for at in (0, 1)]
    assert first is not None
    assert second is not None
    assert first["x"] + first["width"] <= second["x"], "what is at one time stands side by side"
    await no_axe_violations(page)
    await fits_the_window(page)

    await page.get_by_role("button", name="Plan something at 12:00").focus()
    await page.keyboard.press("Enter")
    form = page.get_by_role("dialog", name="New todo")
    await expect(form.get_by_label("Starts")).to_have_value(f"{DAY}T12:00")
    await page.keyboard.type("Lunch")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("list", name="Planned")).to_contain_text("Lunch")
