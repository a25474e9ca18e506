"""What is published to npm belongs to the server of the same version."""

import json
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def _package(name: str) -> dict[str, Any]:
    package: dict[str, Any] = json.loads((ROOT / "web" / name).read_text())
    return package


def test_the_npm_package_has_the_servers_version_and_license() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    package = _package("client/package.json")

    assert (package["version"], package["license"]) == (project["version"], project["license"])
    assert (ROOT / "web/client/LICENSE").read_text() == (ROOT / "LICENSE").read_text()


def test_the_npm_package_needs_nothing_but_the_parser() -> None:
    package = _package("client/package.json")

    assert [*package["dependencies"]] == ["eventsource-parser"]
    assert package["sideEffects"] is False


def test_the_lock_file_names_no_registry() -> None:
    packages = _package("package-lock.json")["packages"]

    assert {each["resolved"] for each in packages.values() if "resolved" in each} == {"client", "app"}


def test_every_dependency_of_the_web_is_pinned() -> None:
    for name in ("package.json", "client/package.json", "app/package.json"):
        package = _package(name)
        pins = {**package.get("dependencies", {}), **package.get("devDependencies", {})}
        assert [pin for pin in pins.values() if not pin[0].isdigit()] == []
