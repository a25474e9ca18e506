"""Server processes that start in a moment: forked from one that has imported everything before.

Importing takes seconds of CPU. From its first line on each is what `headgate serve` is, and can be killed as one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from anyio import to_thread

from app.__main__ import _QUIET, main

SERVES = "Headgate serves "


class Process:
    def __init__(self, nursery: "Nursery", pid: int, url: str) -> None:
        self.pid = pid
        self.url = url
        self.returncode: int | None = None
        self.said = ""
        """By another command than `serve`, after its first line; known when it has ended."""
        self._nursery = nursery

    def send_signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    async def wait(self) -> int:
        """For its end."""
        if self.returncode is None:
            answer = await to_thread.run_sync(self._nursery.ask, {"wait": self.pid})
            self.returncode, self.said = answer["returncode"], answer["said"]
        return self.returncode

    async def kill(self) -> None:
        """It is gone when this returns."""
        if self.returncode is None:
            self.send_signal(signal.SIGKILL)
            await self.wait()


class Nursery:
    """The process that the servers are forked from. They go with it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._lock = threading.Lock()

    async def start(
        self,
        environment: Mapping[str, str],
        folder: Path,
        log: Path | None = None,
        *,
        arguments: Sequence[str] = ("serve",),
    ) -> Process:
        """A server of these settings, as soon as it serves. It logs to where the tests do, or into a file.

        With other arguments it is another command, as soon as it has said its first line, which is the `url` then.
        """
        order: dict[str, Any] = {"environment": dict(environment), "folder": str(folder), "arguments": [*arguments]}
        order["log"] = str(log) if log else None
        answer = await to_thread.run_sync(self.ask, order, abandon_on_cancel=True)
        assert answer["url"], "it ended instead: why, is on stderr"
        return Process(self, answer["pid"], answer["url"])

    def ask(self, order: dict[str, Any]) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


@contextmanager
def nursery() -> Iterator[Nursery]:
    environment = {"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path), **_QUIET}
    command = [sys.executable, "-m", "tests.servers"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Nursery(process)


def _obey() -> None:
    """Orders come and answers go a line at a time, until nobody gives orders any more."""
    import app.server.key_commands  # noqa: PLC0415 - what costs the time
    import app.server.serve  # noqa: F401, PLC0415 - as above

    children: dict[int, TextIO] = {}
    answer: dict[str, Any]
    for line in sys.stdin:
        order = json.loads(line)
        if pid := order.get("wait"):
            _, status = os.waitpid(pid, 0)
            with children.pop(pid) as speech:
                answer = {"returncode": os.waitstatus_to_exitcode(status), "said": speech.read()}
        else:
            pid, speech = _fork(order)
            children[pid] = speech
            answer = {"pid": pid, "url": speech.readline().removeprefix(SERVES).strip()}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    for pid in children:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _fork(order: dict[str, Any]) -> tuple[int, TextIO]:
    """The process, and what it says on its standard output."""
    listening, speaking = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(listening)
        _serve(order, speaking)
    os.close(speaking)
    return pid, os.fdopen(listening)


def _serve(order: dict[str, Any], speaking: int) -> None:
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(speaking, 1)
    os.close(speaking)
    if order["log"]:
        os.dup2(os.open(order["log"], os.O_WRONLY | os.O_CREAT, 0o600), 2)
    os.chdir(order["folder"])
    environment = os.environ  # noqa: TID251 - the server's own
    environment.clear()
    environment.update(order["environment"])
    sys.argv = ["headgate", *order["arguments"]]
    code: Any = 1
    try:
        main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001 - as the interpreter does, which is not to go on with what the parent was at
        traceback.print_exc()
    os._exit(code if isinstance(code, int) else code is not None)


if __name__ == "__main__":
    _obey()
