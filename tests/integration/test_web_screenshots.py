"""Pictures of every page, for people to look at: `pytest -m soak tests/integration/test_web_screenshots.py`."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Page, expect

from app.lib.db.engine import Database
from app.lib.providers.credentials import ApiKey, Credential
from app.lib.providers.registry import Registry
from app.server.settings import Settings
from tests.browser import DESKTOP, PHONE, ROOT, OpenPage, Person, fits_the_window
from tests.chatting import conversation
from tests.integration.conftest import LiveServer, live_server
from tests.limits import promote
from tests.owners import with_vault
from tests.wires.chat import ChatWire
from tests.wires.script import Call, Reasoning, answer

pytestmark = [
    pytest.mark.soak,
    pytest.mark.timeout(600),
    pytest.mark.parametrize("database_url", ["sqlite"], indirect=True),
]
PICTURES = ROOT / "web/screenshots"
SIZES = {"desktop": DESKTOP, "phone": PHONE}
PAGES = ["agents", "todos", "secrets", "usage", "admin", "settings"]
ANSWER = """Your **Friday** is planned. There is an hour for each, and lunch stays free:

| Time | What | Importance |
| --- | --- | --- |
| 09:00 | Write the report | high |
| 11:00 | Call the dentist | medium |
| 14:00 | Review the draft | low |

To read it from a program:

```python
for todo in client.todos(day="friday"):
    print(todo.start_time, todo.item)  # in your zone
```

- [x] Nothing overlaps
- [ ] You may want to confirm with [the office](https://example.com)
"""


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    own = Credential(provider="openai", base_url=chat_wire.url, api_key=ApiKey("sk-test"), lent=True)
    settings = settings.model_copy(update={"default_model": "openai/gpt-5-mini"})
    async with live_server(with_vault(settings), registry=Registry({"openai": own})) as running:
        yield running


async def fill(person: Person) -> dict[str, str]:
    """What somebody has after a while."""
    api, day = person.api, datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0)  # noqa: TID251
    for number, item in enumerate(["Write the report", "Call the dentist", "Review the draft", "Buy milk"]):
        start = day + timedelta(hours=number * 2)
        todo = {"item": item, "start_time": start.isoformat(), "end_time": (start + timedelta(hours=1)).isoformat()}
        (await api.post("/api/todos", json=todo)).raise_for_status()
    secret = {"name": "My key", "provider": "anthropic", "value": "sk-ant-0123456789abcdef0123456789"}
    (await api.post("/api/secrets", json=secret)).raise_for_status()
    planner = {"name": "Planner", "description": "Plans a week.", "tools": ["get_todo_list", "create_todo"]}
    careful = planner | {"name": "Careful", "approve": ["create_todo"]}
    (await api.post("/api/agents", json=planner)).raise_for_status()
    made = await api.post("/api/agents", json=careful)
    for session, agent, words in (("plan", "todo", "Plan my Friday"), ("ask", made.json()["id"], "Buy a boat")):
        begun = {"messages": [{"role": "user", "content": words}], "session_id": session}
        await api.post(f"/api/agents/{agent}/invoke", json=begun, headers={"Prefer": "respond-async"})
    return {"chat-answer": "/chat/plan", "chat-approval": "/chat/ask", "chat-new": "/chat"} | {
        page: f"/{page}" for page in PAGES
    }


async def picture(page: Page, name: str) -> None:
    await fits_the_window(page)
    await page.screenshot(path=PICTURES / f"{name}.png", animations="disabled")


async def test_every_page_has_its_picture(
    open_page: OpenPage, person: Person, chat_wire: ChatWire, db: Database
) -> None:
    PICTURES.mkdir(exist_ok=True)
    await promote(db, person.api)
    thought = Reasoning("They have three things to do and want lunch free.")
    chat_wire.when(lambda seen: "boat" in seen.last_words, answer(Call("create_todo", {"item": "Buy a boat"})))
    chat_wire.when(lambda seen: seen.messages[-1]["role"] == "tool", answer(ANSWER, usage=(920, 214)))
    chat_wire.default = lambda _: answer(thought, Call("get_todo_list", {"from": "2026-11-27", "to": "2026-11-28"}))
    addresses = await fill(person)

    for size, window in SIZES.items():
        for dark in (False, True):
            look = f"{size}-{'dark' if dark else 'light'}"
            stranger = await open_page("/sign-in", size=window, dark=dark)
            await expect(stranger.get_by_role("heading", name="Welcome back")).to_be_visible()
            await picture(stranger, f"sign-in-{look}")
            await stranger.get_by_role("link", name="Make an account").click()
            await expect(stranger.get_by_role("heading", name="Make an account")).to_be_visible()
            await picture(stranger, f"sign-up-{look}")
            page = await open_page("/chat", person=person, size=window, dark=dark)
            await expect(page.get_by_role("heading", name="What shall we do?")).to_be_visible()
            for name, address in addresses.items():
                await page.goto(address)
                await expect(page.get_by_role("heading", level=1).first).to_be_visible()
                await page.wait_for_load_state("networkidle")
                if name == "chat-answer":
                    await expect(conversation(page).get_by_text("Nothing overlaps")).to_be_visible()
                await picture(page, f"{name}-{look}")
            await page.context.close()
