"""The page of administration, in a browser: for admins, auditors and everybody else."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Page, expect

from app.server.settings import Settings
from tests.browser import PHONE, OpenPage, Person, fits_the_window, no_axe_violations
from tests.integration.conftest import LiveServer, live_server
from tests.limits import promote
from tests.owners import KEY, with_vault

NewPerson = Callable[..., Awaitable[Person]]
pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(with_vault(settings)) as running:
        yield running


async def tab(page: Page, name: str) -> None:
    await page.get_by_role("tab", name=name, exact=True).click()


async def test_an_admin_looks_after_users_limits_and_keys(
    open_page: OpenPage, person: Person, new_person: NewPerson, server: LiveServer
) -> None:
    grace = await new_person("Grace")
    body = {"name": "hers", "provider": "openai", "value": KEY}
    (await grace.api.post("/api/secrets", json=body)).raise_for_status()
    await promote(server.app.state.db, person.api)
    page = await open_page("/admin", person=person)

    await page.get_by_label("Search users").fill("grace")
    await expect(page.get_by_role("table", name="Users").get_by_role("row")).to_have_count(2)
    await page.get_by_label(f"Role of {grace.email}").select_option("auditor")
    await expect(page.get_by_text(f"{grace.email} is auditor now.")).to_be_visible()
    await page.get_by_role("button", name=f"Limits of {grace.email}").click()
    await page.get_by_label("Requests a month").fill("many")
    await page.get_by_role("button", name="Save limits").click()
    await expect(page.get_by_text("A whole number.")).to_be_visible()
    await page.get_by_label("Requests a month").fill("7")
    await page.get_by_role("button", name="Save limits").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    assert (await grace.api.get("/api/usage")).json()["requests_limit"] == 7
    await no_axe_violations(page)

    await tab(page, "Quotas")
    await expect(page.get_by_text("Requests a month: 7")).to_be_visible()
    await tab(page, "Secrets")
    row = page.get_by_role("row").filter(has_text="hers")
    await expect(row).to_contain_text(grace.email)
    assert KEY[-4:] not in await page.content()
    await row.get_by_role("button", name="Disable").click()
    await expect(row).to_contain_text("disabled by an admin")
    await tab(page, "Usage")
    await expect(page.get_by_text("Nobody used anything in this month")).to_be_visible()
    await tab(page, "Audit")
    await page.get_by_role("button", name=grace.email).first.click()
    await page.get_by_role("button", name="Check the trail").click()
    await expect(page.get_by_text("This trail is whole")).to_be_visible()
    await no_axe_violations(page)

    await tab(page, "Users")
    await page.get_by_role("button", name=f"Disable {grace.email}").click()
    await page.get_by_role("button", name="Disable user").click()
    await expect(page.get_by_role("button", name=f"Enable {grace.email}")).to_be_visible()
    login = await grace.api.post("/api/access/login", json={"email": grace.email, "password": grace.password})
    assert login.json()["code"] == "account_disabled"


async def test_an_auditor_sees_usage_and_audit_only(open_page: OpenPage, person: Person, server: LiveServer) -> None:
    await promote(server.app.state.db, person.api, "auditor")
    page = await open_page("/admin", person=person, size=PHONE, dark=True)

    await expect(page.get_by_role("tab")).to_have_text(["Usage", "Audit"])
    await tab(page, "Audit")
    await expect(page.get_by_text("Nothing to tell yet")).to_be_visible()
    await no_axe_violations(page)
    await fits_the_window(page)


async def test_others_find_no_menu_and_a_clear_page(open_page: OpenPage, person: Person) -> None:
    page = await open_page("/admin", person=person)

    await expect(page.get_by_role("heading", name="This page is for administrators")).to_be_visible()
    await expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Admin")).to_have_count(0)
