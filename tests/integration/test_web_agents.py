"""The page on which one makes agents, in a browser."""

import pytest
from playwright.async_api import Page, expect

from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


async def choose(page: Page, agent: str, what: str) -> None:
    await page.get_by_role("button", name=f"More about {agent}").click()
    await page.get_by_role("menuitem", name=what).click()


async def test_an_agent_is_made_changed_and_deleted(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/agents", person=person)
    await expect(page.get_by_text("No agents of your own yet")).to_be_visible()

    await page.get_by_role("button", name="New agent").click()
    form = page.get_by_role("dialog", name="New agent")
    await expect(form.get_by_label("Name", exact=True)).to_be_focused()
    await form.get_by_label("Model", exact=True).fill("gpt-5")
    await form.get_by_role("button", name="Create agent").click()
    await expect(form.get_by_text("Give the agent a name.")).to_be_visible()
    await expect(form.get_by_text("A model is named provider/model")).to_be_visible()
    await expect(form.get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")

    await form.get_by_label("Name", exact=True).fill("Planner")
    await form.get_by_label("Description").fill("Plans a week.")
    await form.get_by_label("Instructions").fill("Plan the week with the user.")
    await form.get_by_label("Model", exact=True).fill("openai/gpt-5-mini")
    await form.get_by_role("button", name="Add a fallback").click()
    await form.get_by_label("Fallback 1", exact=True).fill("demo/todo")
    await form.get_by_text("Tools", exact=True).click()
    await form.get_by_label("delete_todo", exact=True).check()
    await form.get_by_label("Ask first before delete_todo is called").check()
    await form.get_by_text("Other agents", exact=True).click()
    await form.get_by_role("group", name="May ask").get_by_label("todo", exact=True).check()
    await form.get_by_text("How the model is asked").click()
    await form.get_by_label("Temperature").fill("0.3")
    await no_axe_violations(page)
    await form.get_by_role("button", name="Create agent").click()
    await expect(page.get_by_role("heading", name="Planner")).to_be_visible()

    made = (await person.api.get("/api/agents")).json()["items"][2]
    assert {name: made[name] for name in ("name", "model", "fallback_models", "tools", "approve", "agent_tools")} == {
        "name": "Planner",
        "model": "openai/gpt-5-mini",
        "fallback_models": ["demo/todo"],
        "tools": ["delete_todo"],
        "approve": ["delete_todo"],
        "agent_tools": ["todo"],
    }
    assert made["settings"] == {"temperature": 0.3}

    await choose(page, "Planner", "Edit")
    await page.get_by_label("Name", exact=True).fill("Weekly planner")
    await page.get_by_role("button", name="Save").click()
    await choose(page, "Weekly planner", "Delete")
    await page.get_by_role("button", name="Delete agent").click()
    await expect(page.get_by_text("No agents of your own yet")).to_be_visible()


async def test_what_the_server_refuses_is_said_at_its_field(open_page: OpenPage, person: Person) -> None:
    agent = (await person.api.post("/api/agents", json={"name": "Asked", "agent_tools": ["chat"]})).json()
    page = await open_page("/agents", person=person)
    await choose(page, "Asked", "Make a copy")
    await page.get_by_label("Name", exact=True).fill("Asks")
    form = page.get_by_role("dialog")
    await form.get_by_role("group", name="May ask").get_by_label("Asked", exact=True).check()
    # Deleted elsewhere, while its box was ticked here.
    await person.api.delete(f"/api/agents/{agent['id']}")
    await form.get_by_role("button", name="Create agent").click()

    await expect(form.get_by_role("group", name="May ask").get_by_role("alert")).to_be_visible()
    await expect(form.get_by_text("Something is not right yet.")).to_be_visible()


async def test_a_built_in_agent_is_read_on_a_phone_and_cannot_be_changed(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/agents", person=person, size=PHONE, dark=True)
    await expect(page.get_by_role("heading", name="todo")).to_be_visible()
    await no_axe_violations(page)
    await fits_the_window(page)

    await page.get_by_role("button", name="More about todo").click()
    await expect(page.get_by_role("menuitem")).to_have_text(["Look at it", "Make a copy"])
    await page.get_by_role("menuitem", name="Look at it").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Keeps your todo list")
    await expect(page.get_by_role("dialog").get_by_role("textbox")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
