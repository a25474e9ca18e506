"""The page of usage, in a browser."""

import pytest
from anyio import Path
from playwright.async_api import expect

from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


async def test_what_a_run_used_is_metered_drawn_and_downloaded(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/usage", person=person)
    await expect(page.get_by_text("Nothing was used in this time")).to_be_visible()
    await expect(page.get_by_role("button", name="CSV")).to_be_disabled()

    start = {"messages": [{"role": "user", "content": "Add milk"}], "model": "demo/todo"}
    (await person.api.post("/api/agents/todo/invoke", json=start)).raise_for_status()
    await page.reload()

    await expect(page.get_by_role("meter", name="Requests")).to_have_attribute("aria-valuenow", "1")
    await expect(page.get_by_role("img", name="Tokens by day")).to_be_visible()
    await expect(page.get_by_text("demo/todo").first).to_be_visible()
    await page.get_by_label("Group by").select_option("agent")
    table = page.get_by_role("table", name="Usage by agent")
    await expect(table.get_by_role("cell", name="todo", exact=True)).to_be_visible()
    await no_axe_violations(page)
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="CSV").click()
    download = await downloading.value
    assert download.suggested_filename.startswith("usage-by-agent-")
    lines = (await Path(await download.path()).read_text()).splitlines()
    assert lines[0].startswith("key,runs,")
    assert lines[1].startswith("todo,1,")


async def test_what_cannot_be_loaded_says_so_and_can_be_tried_again(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/settings", person=person)
    problem = {"status": 422, "code": "invalid_parameter", "detail": "That does not work today."}
    await page.route("**/api/usage", lambda route: route.fulfill(status=422, json=problem))
    await page.get_by_role("link", name="Usage").click()

    await expect(page.get_by_text("Your limits could not be loaded. That does not work today.")).to_be_visible()
    await no_axe_violations(page)
    await page.unroute("**/api/usage")
    await page.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("meter", name="Requests")).to_be_visible()


async def test_usage_fits_a_phone_in_the_dark(open_page: OpenPage, person: Person) -> None:
    start = {"messages": [{"role": "user", "content": "Add milk"}], "model": "demo/todo"}
    (await person.api.post("/api/agents/todo/invoke", json=start)).raise_for_status()
    page = await open_page("/usage", person=person, size=PHONE, dark=True)

    await expect(page.get_by_role("table", name="Usage by day")).to_be_visible()
    await expect(page.get_by_role("img", name="Tokens by day")).to_be_visible()
    await no_axe_violations(page)
    await fits_the_window(page)
