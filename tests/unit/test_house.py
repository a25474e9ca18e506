"""Each contract on who may import whom is proved by a violation that it must find."""

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 320
LINT = Path(sys.executable).with_name("lint-imports")

PLANTS = {
    "The house has four floors": ("lib/clock.py", "import app.server.settings"),
    "Domains know only the domains below them": ("domain/accounts/errors.py", "import app.domain.todos.errors"),
    "Libraries know only the libraries below them": ("lib/errors.py", "import app.lib.db.engine"),
    "The rooms of accounts": ("domain/accounts/models.py", "import app.domain.accounts.service"),
    "The rooms of todos": ("domain/todos/service/texts.py", "import app.domain.todos.controllers"),
    "The rooms of secrets": ("domain/secrets/schemas.py", "import app.domain.secrets.service"),
    "The rooms of quotas": ("domain/quotas/schemas.py", "import app.domain.quotas.month"),
    "The rooms of providers": ("domain/providers/schemas.py", "import app.domain.providers.service"),
    "The rooms of sessions": ("domain/sessions/schemas.py", "import app.domain.sessions.repository"),
    "The rooms of agents": ("domain/agents/repository.py", "import app.domain.agents.service"),
    "The rooms of runs": ("domain/runs/events.py", "import app.domain.runs.service"),
    "The rooms of a2a": ("domain/a2a/errors.py", "import app.domain.a2a.service"),
    "A domain's tables and queries are its own": ("domain/agents/service.py", "import app.domain.todos.repository"),
    "Litestar stays at the door": ("domain/sessions/service.py", "import litestar"),
    "The Agents SDK stays where runs are made": ("domain/todos/schedule.py", "import agents"),
    "The A2A SDK stays in a2a": ("domain/runs/states.py", "import a2a"),
    "SDKs that nothing uses yet stay out": ("domain/runs/states.py", "import temporalio"),
    "Nothing goes round in a circle": ("lib/observability/redaction.py", "import app.lib.observability.logs"),
}


def lint(folder: Path) -> str:
    environment = {"PATH": os.defpath, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"}
    command = [str(LINT), "--no-cache", "--no-logo"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False).stdout


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_house_as_it_stands_keeps_every_contract(copy: Path) -> None:
    assert f"{len(PLANTS)} kept, 0 broken" in lint(copy)


@pytest.mark.parametrize("contract", PLANTS)
def test_a_planted_violation_breaks_its_contract(copy: Path, contract: str) -> None:
    place, line = PLANTS[contract]
    file = copy / "src" / "app" / place
    file.write_text(f"{file.read_text()}\n{line}\n")

    assert f"{contract} BROKEN" in lint(copy)


@pytest.mark.parametrize("parent", ["", "domain", "lib", "domain/runs"])
def test_a_new_folder_has_no_place_until_it_is_given_one(copy: Path, parent: str) -> None:
    folder = copy / "src" / "app" / parent / "newcomer"
    folder.mkdir()
    (folder / "__init__.py").touch()

    assert "newcomer" in lint(copy)


def test_every_contract_has_its_violation() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]

    assert [contract["name"] for contract in contracts] == list(PLANTS)


def test_no_room_outgrows_its_reader() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in (ROOT / "src").rglob("*.py")}

    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}
