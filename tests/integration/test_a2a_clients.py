"""The official clients of all versions in use, each in an environment of its own."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import a2a.server.routes  # noqa: F401 - before the types of 0.3
import anyio
import httpx
import msgspec
import pytest
from a2a.compat.v0_3 import types as old_types
from anyio import to_thread

from app.server.settings import Settings
from tests.a2a_schemas import OLDEST_SCHEMA
from tests.clients.schema import schema_of

pytestmark = [pytest.mark.timeout(300), pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]
ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "tests" / "clients"
REQUIRED = "TEST_CLIENTS"
"""`required` where a client that cannot be installed is a failure and no reason to skip."""
PYTHON = [("0.2.5", "python_0_2.py"), ("0.3.26", "python_0_3.py"), ("1.3.0", "python_1.py")]
JAVASCRIPT = ["0.2.5", "0.3.14", "1.3.0"]
Install = Callable[[str, str], Path]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"a2a_conformance": True, "tck_streaming_timeout": 0.3})


@pytest.fixture(scope="session")
def install(request: pytest.FixtureRequest) -> Install:
    """A client's folder; it is fetched once and kept with what else the tests keep."""
    cache = request.config.cache
    assert cache is not None

    def make(language: str, version: str) -> Path:
        folder = cache.mkdir(f"a2a-{language}-{version}")
        with (cache.mkdir("a2a") / f"{language}-{version}").open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)  # other workers want it too
            if not (folder / "done").exists():
                _install(_commands(language, version, folder), f"the {language} client {version}")
                (folder / "done").touch()
        return folder

    return make


def _install(commands: list[list[str]], what: str) -> None:
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            why = f"{what} cannot be installed: {done.stderr[-500:]}"
            pytest.fail(why) if os.environ.get(REQUIRED) == "required" else pytest.skip(why)  # noqa: TID251


def _commands(language: str, version: str, folder: Path) -> list[list[str]]:
    if language == "javascript":
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder)]
        return [[*npm, f"@a2a-js/sdk@{version}"]]
    uv = str(ROOT / "scripts" / "uv")
    python = str(folder / "bin" / "python")
    return [
        [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)],
        [uv, "pip", "install", "--quiet", "--python", python, f"a2a-sdk[http-server]=={version}"],
    ]


async def told(client: httpx.AsyncClient, *command: str) -> dict[str, Any]:
    token = client.headers["Authorization"].removeprefix("Bearer ")
    program, script, *more = command
    base = str(client.base_url).rstrip("/")
    done = await anyio.run_process([program, script, base, token, *more], check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    answer: dict[str, Any] = msgspec.json.decode(done.stdout)
    return answer


def check(answer: dict[str, Any], *, lists: bool) -> None:
    assert answer["card"] == "conformance"
    kinds = [kind.replace("_", "-") for kind in answer["seen"]]
    assert (kinds[0], kinds[1], kinds[-1]) == ("task", "status-update", "status-update")
    assert {*kinds[2:-1]} == {"artifact-update"}
    assert answer["text"] == "chunk-1 chunk-2"
    assert (answer["cancelled"], answer["resubscribed"]) == ("canceled", "completed")
    if lists:
        assert answer["listed"] == 3


@pytest.mark.usefixtures("database_url")
@pytest.mark.parametrize("version", [version for version, _ in PYTHON[:2]])
async def test_the_schemas_of_the_tests_are_those_of_the_sdks(install: Install, version: str) -> None:
    folder = await to_thread.run_sync(install, "python", version)

    done = await anyio.run_process([str(folder / "bin" / "python"), str(SCRIPTS / "schema.py")])

    ours = schema_of(old_types) if version.startswith("0.3") else msgspec.json.decode(OLDEST_SCHEMA.read_bytes())
    assert msgspec.json.decode(done.stdout) == ours


@pytest.mark.parametrize(("version", "script"), PYTHON[:2], ids=["0.2.5", "0.3"])
async def test_the_python_clients_before_1_work(
    install: Install, client: httpx.AsyncClient, version: str, script: str
) -> None:
    folder = await to_thread.run_sync(install, "python", version)

    check(await told(client, str(folder / "bin" / "python"), str(SCRIPTS / script)), lists=False)


@pytest.mark.parametrize("binding", ["JSONRPC", "HTTP+JSON"])
async def test_the_python_client_of_1_works(install: Install, client: httpx.AsyncClient, binding: str) -> None:
    version, script = PYTHON[2]
    folder = await to_thread.run_sync(install, "python", version)

    check(await told(client, str(folder / "bin" / "python"), str(SCRIPTS / script), binding), lists=True)


@pytest.mark.parametrize("version", JAVASCRIPT)
async def test_the_javascript_clients_work(install: Install, client: httpx.AsyncClient, version: str) -> None:
    folder = await to_thread.run_sync(install, "javascript", version)
    script = shutil.copy(SCRIPTS / "javascript.mjs", folder / "client.mjs")

    check(await told(client, "node", str(script), version), lists=version.startswith("1."))
