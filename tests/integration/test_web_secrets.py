"""The page of keys, in a browser: what goes in, and that it comes out in one place only."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.async_api import Page, expect

from app.lib.clock import SystemClock
from app.server.settings import Settings
from tests.browser import PASSWORD, PHONE, OpenPage, Person, fits_the_window, no_axe_violations
from tests.integration.conftest import LiveServer, live_server
from tests.owners import with_vault
from tests.wires.chat import ChatWire
from tests.wires.script import listing, refusal

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]
CANARY = "sk-canary-7f3a9c51d2e8b604-yellow"
NEXT = "sk-canary-0b1c2d3e4f5a6978-orange"
EVERYWHERE = """async () => {
    const found = [document.documentElement.outerHTML, document.cookie, document.title, location.href, window.name]
    found.push(...[...document.querySelectorAll("input, textarea")].map((field) => field.value))
    found.push(JSON.stringify({...localStorage}), JSON.stringify({...sessionStorage}), JSON.stringify(history.state))
    for (const name of await caches.keys())
        for (const request of await (await caches.open(name)).keys()) found.push(request.url)
    for (const { name } of await indexedDB.databases()) {
        const db = await new Promise((done, fail) => {
            const opening = indexedDB.open(name)
            opening.onsuccess = () => done(opening.result)
            opening.onerror = fail
        })
        for (const store of db.objectStoreNames) found.push(await new Promise((done) => {
            const reading = db.transaction(store).objectStore(store).getAll()
            reading.onsuccess = () => done(JSON.stringify(reading.result))
        }))
    }
    return found.join("\\n")
}"""


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[LiveServer]:
    async with live_server(with_vault(settings)) as running:
        yield running


async def stored(person: Person, **members: Any) -> str:
    body = {"name": "work", "provider": "openai", "value": CANARY, **members}
    answer = await person.api.post("/api/secrets", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def choose(page: Page, key: str, what: str) -> None:
    await page.get_by_role("button", name=f"More about {key}").click()
    await page.get_by_role("menuitem", name=what, exact=True).click()


async def test_a_key_is_checked_stored_shown_and_nowhere_else(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    chat_wire.probed = lambda _: refusal(401)
    page = await open_page("/secrets", person=person)
    await page.get_by_role("button", name="Add your first key").click()
    form = page.get_by_role("dialog", name="Add a key")
    await expect(form.get_by_text("Which rights")).to_be_visible()
    await expect(form.get_by_role("link", name="platform.openai.com/api-keys")).to_have_attribute(
        "rel", "noreferrer noopener"
    )
    await form.get_by_label("Provider").select_option("openai_compatible")
    await form.get_by_label("Name", exact=True).fill("gateway")
    await form.get_by_label("Base URL").fill(chat_wire.url)
    key = form.get_by_label("Key", exact=False).and_(page.locator("[name=value]"))
    await key.fill(CANARY)
    assert await key.get_attribute("autocomplete") == "off"
    assert await key.get_attribute("type") == "text", "a password field would be offered to password managers"
    assert await key.evaluate("field => getComputedStyle(field).webkitTextSecurity") == "disc"
    assert CANARY not in await page.content()
    await no_axe_violations(page)

    await form.get_by_role("button", name="Check and save").click()
    await expect(form.get_by_text("The provider refuses this key.")).to_be_visible()
    assert (await person.api.get("/api/secrets")).json()["total"] == 0
    chat_wire.probed = lambda _: listing()
    await form.get_by_role("button", name="Check and save").click()
    await expect(page.get_by_role("list", name="Keys")).to_contain_text("sk-cana…llow")
    assert CANARY not in await page.evaluate(EVERYWHERE)

    await page.clock.install()
    await choose(page, "gateway", "Reveal")
    await page.get_by_label("Your Headgate password").fill("not the password")
    await page.keyboard.press("Enter")
    await expect(page.get_by_text("This is not the current password.")).to_be_visible()
    await page.get_by_label("Your Headgate password").fill(PASSWORD)
    await page.get_by_role("dialog").get_by_role("button", name="Reveal").click()
    await expect(page.get_by_label("The value", exact=True)).to_have_text(CANARY)
    await page.clock.run_for(29_000)
    await expect(page.get_by_label("The value", exact=True)).to_have_text(CANARY)
    await page.clock.run_for(2_000)
    await expect(page.get_by_text("The value is hidden again.")).to_be_visible()
    everywhere = await page.evaluate(EVERYWHERE)
    assert CANARY not in everywhere
    assert PASSWORD not in everywhere
    await page.get_by_role("dialog").get_by_role("button", name="Close").last.click()
    assert CANARY not in await page.evaluate(EVERYWHERE)
    assert CANARY not in str(await page.context.storage_state(indexed_db=True))


async def test_a_key_is_rotated_and_taken_back_and_all_of_it_is_told(
    open_page: OpenPage, person: Person, chat_wire: ChatWire
) -> None:
    chat_wire.probed = lambda _: listing()
    await stored(person, provider="openai_compatible", base_url=chat_wire.url)
    page = await open_page("/secrets", person=person)

    await choose(page, "work", "Rotate")
    form = page.get_by_role("dialog", name="Rotate work")
    await expect(form.get_by_label("Base URL")).to_have_value(chat_wire.url)
    await form.locator("[name=value]").fill(NEXT)
    await form.get_by_label("The old version stays valid").select_option("86400")
    await form.get_by_role("button", name="Check and rotate").click()
    await expect(page.get_by_text("version 2", exact=True)).to_be_visible()

    await choose(page, "work", "Versions")
    versions = page.get_by_role("list", name="Versions").get_by_role("listitem")
    await expect(versions.nth(0)).to_contain_text("current")
    await expect(versions.nth(1)).to_contain_text("valid until")
    await versions.nth(1).get_by_role("button", name="Go back to it").click()
    await expect(versions.filter(has_text="current")).to_contain_text("llow")
    await page.get_by_role("tab", name="Audit trail").click()
    trail = page.get_by_role("list", name="Audit trail")
    for action in ("Stored", "Rotated", "Went back to a version"):
        await expect(trail).to_contain_text(action)
    await no_axe_violations(page)
    await page.get_by_role("tab", name="Usage").click()
    await expect(page.get_by_text("Not used yet")).to_be_visible()
    assert NEXT not in await page.evaluate(EVERYWHERE)


async def test_ends_are_warned_of_and_a_deletion_names_the_agents_it_breaks(
    open_page: OpenPage, person: Person
) -> None:
    soon = SystemClock().now() + timedelta(days=5)
    await stored(person, expires_at=soon.isoformat())
    asked = (await person.api.post("/api/agents", json={"name": "Writer", "model": "openai/gpt-5-mini"})).json()
    await person.api.post("/api/agents", json={"name": "Editor", "model": "demo/todo", "agent_tools": [asked["id"]]})
    await person.api.post("/api/agents", json={"name": "Apart", "model": "anthropic/claude-haiku-4-5"})
    page = await open_page("/secrets", person=person, size=PHONE, dark=True)
    await expect(page.get_by_text("Soon over: work ends within 7 days")).to_be_visible()
    await no_axe_violations(page)
    await fits_the_window(page)

    await choose(page, "work", "Edit name and end")
    await page.get_by_label("Ends on").fill((soon + timedelta(days=80)).date().isoformat())
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("ends within 7 days")).to_have_count(0)

    await choose(page, "work", "Disable")
    await page.get_by_role("button", name="Disable key").click()
    await expect(page.get_by_text("disabled", exact=True)).to_be_visible()
    await choose(page, "work", "Delete")
    broken = page.get_by_role("list", name="Agents that would stop working").get_by_role("listitem")
    await expect(broken).to_have_text(["Writer", "Editor, which works with Writer"])
    remove = page.get_by_role("button", name="Delete key")
    await expect(remove).to_be_disabled()
    await page.get_by_label("Type “work” to go on").fill("work")
    await remove.click()
    await expect(page.get_by_text("No keys yet")).to_be_visible()


async def test_a_temporary_key_of_aws_is_taken_and_shown_with_its_token(open_page: OpenPage, person: Person) -> None:
    token = "FwoGZXIvYXdzE-canary-" + "x" * 40
    aws = {"access_key_id": "ASIAIOSFODNN7EXAMPLE", "session_token": token, "region": "eu-central-1"}
    await stored(person, provider="bedrock", value="wJalrXUtnFEMI7MDENGbPxRfiCYEXAMPLEKEYabc", **aws)
    page = await open_page("/secrets", person=person)

    await choose(page, "work", "Reveal")
    await page.get_by_label("Your Headgate password").fill(PASSWORD)
    await page.get_by_role("dialog").get_by_role("button", name="Reveal").click()
    await expect(page.get_by_label("The session token", exact=True)).to_have_text(token)
    await page.get_by_role("button", name="Hide now").click()
    assert token not in await page.evaluate(EVERYWHERE)

    await page.get_by_role("button", name="Add a key").click()
    await page.get_by_label("Provider").select_option("bedrock")
    field = page.get_by_label("Session token")
    await field.fill(token)
    assert await field.evaluate("field => getComputedStyle(field).webkitTextSecurity") == "disc"
    await page.get_by_role("button", name="Cancel").click()
    assert token not in await page.evaluate(EVERYWHERE)
