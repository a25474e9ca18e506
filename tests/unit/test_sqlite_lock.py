"""Asking for SQLite's write lock."""

import sqlite3
from pathlib import Path
from threading import Event, Thread

import pytest

from app.lib.db import sqlite_lock
from app.lib.db.sqlite_lock import TRY_MS, begin_writing, is_busy

BEGIN = "BEGIN IMMEDIATE"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "test.db"
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()
    return path


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=TRY_MS / 1000, isolation_level=None, check_same_thread=False)


def test_the_lock_is_waited_for(path: Path) -> None:
    holder, waiter = connect(path), connect(path)
    tries, tried = 0, Event()

    def count(_: str) -> None:
        nonlocal tries
        tries += 1
        if tries > 1:
            tried.set()

    waiter.set_trace_callback(count)
    holder.execute(BEGIN)
    thread = Thread(target=begin_writing, args=[lambda: waiter.execute(BEGIN)])
    thread.start()
    assert tried.wait(10)
    holder.rollback()
    thread.join(10)

    assert waiter.in_transaction
    holder.close()
    waiter.close()


def test_it_is_not_waited_for_for_ever(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_lock, "WAIT_SECONDS", 0)
    holder, waiter = connect(path), connect(path)
    holder.execute(BEGIN)

    with pytest.raises(sqlite3.OperationalError) as refused:
        begin_writing(lambda: waiter.execute(BEGIN))

    assert is_busy(refused.value)
    holder.close()
    waiter.close()


def test_another_error_is_no_reason_to_wait(path: Path) -> None:
    connection = connect(path)
    begin_writing(lambda: connection.execute(BEGIN))

    with pytest.raises(sqlite3.OperationalError) as refused:
        begin_writing(lambda: connection.execute(BEGIN))

    assert not is_busy(refused.value)
    assert not is_busy(None)
    connection.close()
