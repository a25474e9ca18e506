"""Nodes that talk through PostgreSQL itself, on a connection of its own: LISTEN and NOTIFY.

Never in the transaction that stores: committing a notification takes a lock that all of them share.
"""

from collections.abc import Callable
from typing import Any

import anyio
import asyncpg

from app.lib.db.engine import Database

ANSWER_SECONDS = 2.0
CHECK_SECONDS = 5.0
CHANNEL = "headgate"
"""Each database has its own."""


class PostgresLine:
    def __init__(self, db: Database) -> None:
        self._db = db
        self._connection: asyncpg.Connection[Any] | None = None
        self._turn = anyio.Lock()

    async def open(self) -> None:
        self._connection = await self._db.connect(command_timeout=ANSWER_SECONDS)
        # A hint need not survive a power cut, so nobody waits for the disk.
        await self._execute("SET synchronous_commit = off")

    async def say(self, data: bytes) -> None:
        await self._execute("SELECT pg_notify($1, $2)", CHANNEL, data.decode())

    async def listen(self, heard: Callable[[bytes], None]) -> None:
        connection, cut = self._open(), anyio.Event()
        connection.add_termination_listener(lambda _: cut.set())
        async with self._turn:
            await connection.add_listener(CHANNEL, lambda *notification: heard(notification[-1].encode()))
        while not cut.is_set():
            with anyio.move_on_after(CHECK_SECONDS):
                await cut.wait()
            await self._execute("SELECT 1")
        raise ConnectionResetError

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _execute(self, statement: str, *values: str) -> None:
        async with self._turn:
            await self._open().execute(statement, *values)

    def _open(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            raise ConnectionResetError
        return self._connection
