"""The page of the chat, as tests talk with it and look at it."""

from playwright.async_api import Locator, Page, expect


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
