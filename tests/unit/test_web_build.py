"""The page as it was built."""

import gzip
import json

import pytest

from app.server.web import UI, has_ui
from tests.browser import REQUIRED

ENTRY_LIMIT = 200_000

pytestmark = pytest.mark.skipif(not has_ui() and not REQUIRED, reason="the page is not built (make ui)")


def test_the_package_holds_no_source_maps() -> None:
    assert [path.name for path in UI.rglob("*.map")] == []
    assert [path.name for path in UI.rglob("*.js") if b"sourceMappingURL" in path.read_bytes()] == []


def test_the_entry_is_small_and_charts_and_markdown_come_when_they_are_needed() -> None:
    manifest = json.loads((UI / ".vite/manifest.json").read_text())
    entry = next(name for name, chunk in manifest.items() if chunk.get("isEntry"))
    wanted, first = [entry], set[str]()
    while wanted:
        chunk = manifest[wanted.pop()]
        if chunk["file"] not in first:
            first |= {chunk["file"], *chunk.get("css", ())}
            wanted += chunk.get("imports", ())

    weight = sum(len(gzip.compress((UI / name).read_bytes())) for name in first)

    assert weight <= ENTRY_LIMIT, weight
    assert not any("markdown" in name or "chart" in name for name in first)
