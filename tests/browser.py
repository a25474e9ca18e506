"""A real browser for tests of the page: Debian's Chromium, one for all tests of a worker, a fresh profile for each.

A test takes `open_page`. When it is over, the page must have asked nobody but our server for anything, broken no
content security policy and thrown no error.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright, expect

from app.server.web import has_ui

if TYPE_CHECKING:
    from tests.integration.conftest import LiveServer

REQUIRED = os.environ.get("TEST_BROWSER") == "required"  # noqa: TID251 - CI's word that there must be one
ROOT = Path(__file__).parents[1]
AXE = ROOT / "web/node_modules/axe-core/axe.min.js"
ARGUMENTS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]
DESKTOP = (1280, 800)
PHONE = (360, 740)
COOKIE = "headgate_refresh"
PASSWORD = "correct horse battery staple"

expect.set_options(timeout=10_000)


def missing() -> str | None:
    """What keeps browser tests from being run, if something does."""
    if not _chromium():
        return "no Chromium on this machine (Debian: apt install chromium)"
    if not has_ui():
        return "the page is not built (make ui)"
    return None


def _chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if lacking := missing():
        told = f"BROWSER TESTS ARE NOT RUN: {lacking}"
        if REQUIRED:
            pytest.fail(told)
        pytest.skip(told)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=_chromium(), chromium_sandbox=False, args=ARGUMENTS)
        yield launched
        await launched.close()


@dataclass
class Person:
    """Somebody with an account, for the page and for the API."""

    email: str
    password: str
    api: httpx.AsyncClient


@dataclass
class Watch:
    """What a page did that it must not."""

    url: str
    troubles: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    """Parts of messages that belong to the test."""

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.troubles.append(f"error: {error}"))
        page.on("dialog", lambda dialog: self.troubles.append(f"dialog: {dialog.message}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        # The browser itself reports each answer of 4xx and 5xx so; what matters of those, tests look at.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.troubles.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:", "blob:", self.url.replace("http", "ws", 1))):
            self.troubles.append(f"foreign request: {request.url}")

    def check(self) -> None:
        left = [trouble for trouble in self.troubles if not any(part in trouble for part in self.expected)]
        assert not left, left


OpenPage = Callable[..., Awaitable[Page]]
"""Opens an address of the page, at once as somebody (`person=`), in a new context or in one there is (`context=`)."""


@pytest.fixture
def watch(server: LiveServer) -> Watch:
    return Watch(server.url)


@pytest.fixture
async def open_page(browser: Browser, server: LiveServer, watch: Watch) -> AsyncIterator[OpenPage]:
    async with AsyncExitStack() as stack:

        async def make(
            path: str = "/",
            *,
            person: Person | None = None,
            size: tuple[int, int] = DESKTOP,
            dark: bool = False,
            calm: bool = True,
            context: BrowserContext | None = None,
        ) -> Page:
            if context is None:
                context = await browser.new_context(
                    base_url=server.url,
                    viewport={"width": size[0], "height": size[1]},
                    color_scheme="dark" if dark else "light",
                    reduced_motion="reduce" if calm else "no-preference",
                    locale="en-GB",
                    timezone_id="UTC",
                )
                stack.push_async_callback(context.close)
                if person:
                    await sign_in_context(context, server, person)
            page = await context.new_page()
            watch.watch(page)
            await page.goto(path)
            return page

        yield make
    watch.check()


async def sign_in_context(context: BrowserContext, server: LiveServer, person: Person) -> None:
    """What is left in a browser where somebody has signed in; each browser has a refresh token of its own."""
    account = {"email": person.email, "password": person.password}
    login = await person.api.post("/api/access/login", json=account, headers={"Origin": server.url})
    login.raise_for_status()
    refresh_token = login.headers["set-cookie"].partition(";")[0].partition("=")[2]
    person.api.cookies.clear()
    await context.add_cookies(
        [
            {
                "name": COOKIE,
                "value": refresh_token,
                "domain": "127.0.0.1",
                "path": "/api/access",
                "httpOnly": True,
                "secure": True,
                "sameSite": "Strict",
            }
        ]
    )
    await context.add_init_script("localStorage.setItem('headgate.signed-in', '1')")


@pytest.fixture
async def person(new_person: Callable[..., Awaitable[Person]]) -> Person:
    return await new_person()


@pytest.fixture
async def new_person(server: LiveServer) -> AsyncIterator[Callable[..., Awaitable[Person]]]:
    """Makes somebody with an account and signs them in, without a browser."""
    async with AsyncExitStack() as stack:

        async def make(name: str = "Ada") -> Person:
            api = await stack.enter_async_context(httpx.AsyncClient(base_url=server.url))
            account = {"email": f"{uuid4().hex[:12]}@example.com", "password": PASSWORD, "name": name}
            (await api.post("/api/access/signup", json=account)).raise_for_status()
            login = await api.post("/api/access/login", json=account)
            login.raise_for_status()
            api.headers["Authorization"] = f"Bearer {login.json()['access_token']}"
            return Person(account["email"], PASSWORD, api)

        yield make


async def no_axe_violations(page: Page) -> None:
    """Of WCAG 2.2 A and AA and of good practice, as axe finds them."""
    # Not as a script element, which the page's policy refuses.
    await page.evaluate(AXE.read_text())
    found = await page.evaluate(
        """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.map(
            (one) => `${one.id}: ` + one.nodes.map((node) => `${node.target} ${node.html.slice(0, 120)}`).join(" | ")
        )"""
    )
    assert found == [], "\n".join(found)


async def fits_the_window(page: Page) -> None:
    """Nothing makes the page scroll sideways."""
    wide, window = await page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window, f"{wide} px in a window of {window} px"
