"""The npm package against Headgate itself: in Node, in Chromium and in Firefox, over networks that break."""

import shutil
import socket
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from signal import SIGTERM
from subprocess import DEVNULL, PIPE
from typing import Any
from uuid import UUID

import anyio
import httpx
import jwt
import msgspec
import pytest
from anyio.streams.text import TextReceiveStream

from app.lib.clock import FixedClock
from app.lib.crypto.tokens import AccessTokens
from app.server.settings import Settings
from tests.browser import REQUIRED, ROOT
from tests.chaos import environment, fleet_of
from tests.cutting import cutting
from tests.integration.conftest import LiveServer, live_server
from tests.integration.test_runs_control import registry_of
from tests.limits import UNLIMITED
from tests.servers import Nursery
from tests.wires.chat import ChatWire
from tests.wires.script import Reasoning, answer

pytestmark = pytest.mark.timeout(120)
WEB = ROOT / "web"
SECRET = "test-secret-" + "x" * 32
PIECES = [f"wörd-{n}-🥛\n" for n in range(150)]
WORDS = "".join(PIECES)
PARTS = [part for piece in PIECES for part in (Reasoning(piece), piece)]
"""Of two kinds in turn: such deltas are told one by one, however busy the machine is."""
CUTS = 20
Cases = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def port() -> int:
    """Where the page is, which is another origin than Headgate."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        number: int = listener.getsockname()[1]
    return number


@pytest.fixture
def settings(sqlite_template: Path, tmp_path: Path, port: int) -> Settings:
    """What a client sees of Headgate is the same with every database."""
    shutil.copy(sqlite_template, tmp_path / "headgate.db")
    values = {
        "data_dir": tmp_path,
        "jwt_secret": SECRET,
        "cors_origins": [f"http://127.0.0.1:{port}"],
        "default_model": "openai/fake",
        "stream_heartbeat": 0.2,
    }
    return Settings.model_validate(values | UNLIMITED)


@pytest.fixture
async def server(settings: Settings, chat_wire: ChatWire) -> AsyncIterator[LiveServer]:
    chat_wire.when("at length", answer(*PARTS, gap=0.001))
    chat_wire.when("slowly", answer("tick " * 2000, gap=0.01))
    async with live_server(settings, registry=registry_of(chat_wire)) as running:
        yield running


def lacking(where: str) -> str | None:
    """What keeps the client from being tried there."""
    if not shutil.which("node"):
        return "there is no Node"
    if not (WEB / "client/dist/index.js").exists():
        return "the client is not built (make ui)"
    return None if where == "node" or executable(where) else f"there is no {where}"


def executable(where: str) -> str | None:
    names = {"chrome": ["chromium", "chromium-browser", "google-chrome"], "firefox": ["firefox-esr", "firefox"]}
    return next(filter(None, map(shutil.which, names.get(where, []))), None)


def needed(where: str) -> None:
    """Fails where CI has said that there must be one."""
    if told := lacking(where):
        (pytest.fail if REQUIRED else pytest.skip)(f"THE WEB CLIENT IS NOT TRIED: {told}")


async def tried(where: str, cases: Cases, port: int = 0) -> list[Any]:
    """What each case saw."""
    order = {"where": where, "executable": executable(where), "port": port, "cases": cases}
    command = ["node", "--no-warnings", "--experimental-websocket", "test/live/run.mjs"]
    async with await anyio.open_process(
        command, cwd=WEB / "client", stdin=PIPE, stdout=PIPE, stderr=sys.stderr if where == "node" else DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(msgspec.json.encode(order) + b"\n")
        said = "".join([piece async for piece in TextReceiveStream(process.stdout)])
        assert await process.wait() == 0, said
    return [msgspec.json.decode(line) for line in said.splitlines()]


def token_of(client: httpx.AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def expired(token: str) -> str:
    """The same login's token of an hour ago."""
    claims = jwt.decode(token, options={"verify_signature": False})
    then = FixedClock(datetime.now(UTC) - timedelta(hours=1))  # noqa: TID251 - the server's clock is the real one
    return AccessTokens(SECRET, clock=then).issue(UUID(claims["sub"]), UUID(claims["sid"]))


@pytest.mark.parametrize("where", ["node", "chrome", "firefox"])
async def test_the_client_follows_and_steers_runs(
    where: str, server: LiveServer, client: httpx.AsyncClient, port: int
) -> None:
    needed(where)
    token = token_of(client)
    world = {"url": server.url, "token": token}
    async with (
        cutting(server.url, cuts=CUTS) as streams,
        cutting(server.url, cuts=CUTS) as sockets,
        cutting(server.url, cuts=2, silent=True) as quiet,
    ):
        cut = {**world, "say": "at length", "expired": expired(token)}
        cases: Cases = [
            ("readme", {**world, "say": "Hello"}),
            ("answers", {**world, "say": "Hello"}),
            ("shares", {**world, "say": "Hello"}),
            ("steers", {**world, "say": "slowly"}),
            ("aborts", {**world, "say": "at length"}),
            ("survives", {**cut, "cut": streams.url, "transports": ["stream"]}),
            ("survives", {**cut, "cut": sockets.url, "transports": ["socket"]}),
            ("notices", {**world, "say": "at length", "cut": quiet.url, "transports": ["stream", "socket"]}),
        ]
        readme, answers, shares, steers, aborts, streamed, socketed, noticed = await tried(where, cases, port)

    assert readme == ["You said: Hello", "HelloYou said: HelloSend"][: 1 if where == "node" else 2]
    assert [each["text"] for each in answers] == ["You said: Hello"] * 3
    assert [each["transports"] for each in answers] == [["stream"], ["socket"], ["poll"]]
    assert shares == {"sockets": 1, "texts": ["You said: Hello"] * 12, "asked": "object"}
    assert steers == {"told": ["paused", "resumed", "cancelled"], "outcome": "cancelled", "state": "cancelled"}
    assert aborts == {"failed": "AbortError", "outcome": "completed"}
    for seen, proxy in ((streamed, streams), (socketed, sockets)):
        assert seen["text"] == seen["final"] == WORDS
        assert seen["ids"] == list(range(1, len(seen["ids"]) + 1))
        assert proxy.cuts == CUTS
    assert noticed["text"] == WORDS
    assert noticed["reconnects"] >= quiet.cuts == 2


async def test_an_answer_survives_cuts_a_restart_and_an_expired_token(
    servers: Nursery, chat_wire: ChatWire, tmp_path: Path
) -> None:
    """Twenty cuts, one restart, one expired token: what is shown in the end is byte for byte what the provider said."""
    needed("node")
    chat_wire.queue(answer(*PARTS[:150], anyio.Event()))  # of which no more comes: the restart is in its middle
    chat_wire.default = lambda _: answer(*PARTS)
    settings = {**environment(chat_wire), "HEADGATE_JWT_SECRET": SECRET}
    async with (
        fleet_of("one", servers=servers, folder=tmp_path, settings=settings) as (fleet, http),
        cutting(fleet.urls["one"], cuts=CUTS) as proxy,
    ):
        token = token_of(http)
        world = {"url": fleet.urls["one"], "token": token, "cut": proxy.url, "expired": expired(token)}
        seen: list[Any] = []

        async def look() -> None:
            seen.extend(
                await tried("node", [("survives", {**world, "say": "Go on", "transports": ["stream", "socket"]})])
            )

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(look)
            await proxy.was_cut(8)
            fleet.process("one").send_signal(SIGTERM)
            await fleet.process("one").wait()
            await fleet.start("one")
            proxy.target = fleet.urls["one"]

    assert seen[0]["text"] == seen[0]["final"] == WORDS
    assert seen[0]["ids"] == list(range(1, len(seen[0]["ids"]) + 1))
    assert seen[0]["renewed"] >= 1
    assert seen[0]["reconnects"] > CUTS
    assert proxy.cuts == CUTS
    assert len(chat_wire.requests) == 2
