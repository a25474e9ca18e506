"""The page of the chat, as tests talk with it and look at it."""

from contextlib import AbstractAsyncContextManager
from typing import Any

from playwright.async_api import Locator, Page, expect

from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.integration.conftest import LiveServer, live_server
from tests.wires.chat import ChatWire


def serving(settings: Settings, wire: ChatWire, **changes: Any) -> AbstractAsyncContextManager[LiveServer]:
    """Headgate over that provider, whose one model is the default."""
    own = Credential(provider="openai", base_url=wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/fake", **changes})
    return live_server(settings, registry=Registry({"openai": own}))


async def say(page: Page, text: str) -> None:
    # While an answer is being written there is no such button, and Enter sends nothing.
    await expect(page.get_by_role("button", name="Send")).to_be_visible()
    await page.get_by_label("Message", exact=True).fill(text)
    await page.keyboard.press("Enter")


def conversation(page: Page) -> Locator:
    """What is seen of it. A screen reader is told the same words elsewhere in the page, when they are whole."""
    return page.get_by_role("region", name="Conversation")


def last_answer(page: Page) -> Locator:
    return page.locator("[data-answer]").last
