"""The page's doors, as a browser finds them: what is served, and who gets in."""

import re

import httpx
import pytest
from playwright.async_api import expect

from app.server.web import POLICY, has_ui
from tests.browser import PHONE, OpenPage, fits_the_window, no_axe_violations
from tests.integration.conftest import PASSWORD

pytestmark = [
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
    pytest.mark.timeout(60),
]
PAGE = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
def _ui() -> None:
    if not has_ui():
        pytest.skip("the page is not built (make ui)")


@pytest.mark.usefixtures("_ui")
async def test_an_address_of_the_app_is_the_page_under_a_strict_policy(anonymous: httpx.AsyncClient) -> None:
    for address in ("/", "/chat", "/chat/some-session", "/secrets"):
        answer = await anonymous.get(address, headers=PAGE)

        assert answer.status_code == 200, address
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["content-security-policy"] == POLICY
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
    assert "unsafe" not in POLICY
    assert re.findall(r"<script(?![^>]*\ssrc=)", answer.text) == []
    assert "style=" not in answer.text


@pytest.mark.usefixtures("_ui")
async def test_a_built_file_is_kept_for_ever_and_its_page_asked_for_each_time(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/", headers=PAGE)
    script = re.findall(r'src="(/assets/[^"]+\.js)"', page.text)[0]

    file = await anonymous.get(script)
    unchanged = await anonymous.get("/", headers=PAGE | {"If-None-Match": page.headers["etag"]})
    head = await anonymous.head(script)

    assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert file.headers["content-encoding"] == "gzip"
    assert file.headers["content-type"].startswith("text/javascript")
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.parametrize(
    "path", ["/api/nope", "/a2a/nope", "/assets/nope.js", "/nope.js", "/index.html", "/.vite/manifest.json"]
)
async def test_what_is_not_the_apps_stays_a_problem(anonymous: httpx.AsyncClient, path: str) -> None:
    answer = await anonymous.get(path, headers=PAGE)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


async def test_who_does_not_ask_for_a_page_hears_what_the_api_says(anonymous: httpx.AsyncClient) -> None:
    front = await anonymous.get("/")
    unknown = await anonymous.get("/chat")
    posted = await anonymous.post("/", headers=PAGE, json={})

    assert front.json()["name"] == "Headgate"
    assert unknown.status_code == 404
    assert posted.status_code == 405


async def test_no_part_of_an_address_becomes_a_path(anonymous: httpx.AsyncClient) -> None:
    for path in ("/assets/../../server/settings.py", "/assets/%2e%2e/%2e%2e/server/settings.py", "//etc/passwd"):
        assert (await anonymous.get(path)).status_code == 404


async def test_somebody_signs_up_leaves_and_comes_back(open_page: OpenPage) -> None:
    page = await open_page("/", size=PHONE)
    await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()
    await no_axe_violations(page)
    await fits_the_window(page)

    await page.get_by_role("link", name="Make an account").click()
    await page.get_by_label("Name").fill("Ada")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Password").fill("password")
    await page.get_by_role("button", name="Make an account").click()
    await expect(page.get_by_role("alert")).to_contain_text("choose another")
    await no_axe_violations(page)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="What shall we do?")).to_be_visible()

    await page.reload()
    await expect(page.get_by_role("heading", name="What shall we do?")).to_be_visible()
    kept = await page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])")
    assert "eyJ" not in kept, "a token is in web storage"
    await page.get_by_role("button", name="Open menu").click()
    await page.get_by_role("button", name="Ada").click()
    await page.get_by_role("menuitem", name="Sign out").click()
    await expect(page.get_by_role("heading", name="Welcome back")).to_be_visible()

    await page.goto("/usage")
    await page.get_by_label("E-mail").fill("ada@example.com")
    await page.get_by_label("Password").fill("wrong")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("Check the address and the password.")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile("/usage$"))


async def test_signing_out_in_one_tab_signs_out_the_others(open_page: OpenPage, person: object) -> None:
    first = await open_page("/chat", person=person)
    second = await open_page("/settings", context=first.context)
    await expect(second.get_by_role("heading", name="Settings")).to_be_visible()

    await first.get_by_role("button", name="Ada").click()
    await first.get_by_role("menuitem", name="Sign out").click()

    await expect(second.get_by_role("heading", name="Welcome back")).to_be_visible()


async def test_settings_are_kept_and_colours_follow(open_page: OpenPage, person: object) -> None:
    page = await open_page("/settings", person=person, dark=True)
    await page.get_by_role("switch", name="s reasoning").click()
    await page.get_by_label("Text speed").select_option("instant")
    await page.get_by_label("Colours").select_option("light")
    await page.reload()

    await expect(page.get_by_role("switch", name="s reasoning")).not_to_be_checked()
    await expect(page.get_by_label("Text speed")).to_have_value("instant")
    assert await page.evaluate("getComputedStyle(document.body).colorScheme") == "light"
    await no_axe_violations(page)
