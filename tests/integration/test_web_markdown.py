"""What a model says may mean harm: the renderer in Chromium, over texts that grow one character at a time."""

import mimetypes
import os
import shutil
from pathlib import Path
from subprocess import DEVNULL

import anyio
import pytest
from playwright.async_api import Browser, Route

from tests.browser import ROOT
from tests.hostile import HOSTILE

pytestmark = pytest.mark.timeout(120)
HARNESS = ROOT / "web/app/test/harness"
PAGE = "http://page.test/"
PIECE = 20


@pytest.fixture(scope="session")
async def harness(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of the renderer alone, without any policy that would come to its help."""
    out = tmp_path_factory.mktemp("harness")
    vite = shutil.which("node") or ""
    command = [vite, str(ROOT / "web/node_modules/vite/bin/vite.js"), "build", str(HARNESS), "--outDir", str(out)]
    environment = {"PATH": os.defpath, "HOME": str(out)}
    await anyio.run_process([*command, "--config", str(HARNESS / "vite.config.ts")], env=environment, stdout=DEVNULL)
    return out


async def test_hostile_markdown_does_nothing_however_it_is_split(browser: Browser, harness: Path) -> None:
    assert len(HOSTILE) >= 150
    dialogs: list[str] = []
    asked: list[str] = []

    async def serve(route: Route) -> None:
        file = harness / (route.request.url.removeprefix(PAGE) or "index.html")
        if route.request.url.startswith(PAGE) and file.is_file():
            kind = mimetypes.guess_type(file.name)[0]
            await route.fulfill(body=file.read_bytes(), content_type=kind)
        else:
            asked.append(route.request.url)
            await route.abort()

    context = await browser.new_context()
    await context.route("**/*", serve)
    page = await context.new_page()
    page.on("dialog", lambda dialog: dialogs.append(dialog.message))
    await page.goto(PAGE)
    wrong: list[str] = []
    drawn = 0
    for start in range(0, len(HOSTILE), PIECE):
        found = await page.evaluate("(texts) => play(texts)", HOSTILE[start : start + PIECE])
        wrong += found["wrong"]
        drawn += found["drawn"]
    # What a text has set in motion would have asked by the time that an honest request is answered.
    await page.evaluate("fetch('/probe').catch(() => 0)")
    await context.close()

    assert wrong == []
    assert dialogs == []
    assert asked == [f"{PAGE}probe"]
    assert drawn >= sum(map(len, HOSTILE))
