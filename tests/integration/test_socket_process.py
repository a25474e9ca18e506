"""Sockets of a real process that is told to stop."""

import signal
import time
from collections import deque
from itertools import count
from pathlib import Path

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.integration.test_server_process import address, headgate, sign_in
from tests.streams import said

pytestmark = pytest.mark.timeout(90)


def test_a_stopping_server_says_goodbye_to_its_sockets_and_goes_in_time(tmp_path: Path) -> None:
    with headgate(tmp_path) as process:
        url = address(process)
        with connect(url.replace("http", "ws") + "/api/ws", additional_headers=sign_in(url)) as socket:
            start = {"op": "invoke", "ref": 1, "agent": "todo", "body": said("What time is it?")}
            socket.send(msgspec.json.encode(start).decode())
            assert b'"ok"' in hear(socket)
            assert b"session_initialized" in hear(socket)
            process.send_signal(signal.SIGTERM)
            told = time.monotonic()
            with pytest.raises(ConnectionClosed) as end:
                deque((hear(socket) for _ in count()), maxlen=0)
        out, err = process.communicate(timeout=30)

    assert time.monotonic() - told < 5
    assert end.value.rcvd is not None
    assert end.value.rcvd.code == 1012
    assert (process.returncode, err) == (0, "")
    assert "ticket" not in out


def hear(socket: Connection) -> bytes:
    """What is said next; a notice comes when it comes."""
    while (said := socket.recv(timeout=10, decode=False)).startswith(b'{"notice"'):
        pass
    return said
