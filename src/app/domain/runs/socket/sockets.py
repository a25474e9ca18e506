"""The open sockets of this process, and what is told to all of them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from uuid import UUID

import anyio

from app.domain.accounts.errors import InvalidToken
from app.domain.accounts.schemas import Principal
from app.domain.runs.errors import ServerStopping
from app.domain.runs.service import Runs
from app.domain.runs.socket.connection import NOT_AUTHENTICATED, Authenticate, Socket
from app.domain.runs.socket.messages import Notice
from app.domain.runs.socket.wire import Codec, Receive, Send

SERVICE_RESTART = 1012


class Sockets:
    def __init__(self, codec: Codec, *, send_seconds: float) -> None:
        self.codec = codec
        self._send_seconds = send_seconds
        self._open: set[Socket] = set()
        self._leaving = False
        self._arrival = anyio.Event()

    @contextmanager
    def opened(self, receive: Receive, send: Send, *, runs: Runs, authenticate: Authenticate) -> Iterator[Socket]:
        socket = Socket(
            receive,
            send,
            runs=runs,
            authenticate=authenticate,
            codec=self.codec,
            send_seconds=self._send_seconds,
            on_admitted=self._arrive,
        )
        self._open.add(socket)
        if self._leaving:
            self._restart(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)

    def users(self) -> set[Principal]:
        return {socket.user for socket in self._open if socket.user is not None}

    @property
    def arrival(self) -> anyio.Event:
        """Set when the next user comes."""
        return self._arrival

    async def notify(self, notices: Mapping[UUID, Sequence[Notice]]) -> None:
        """Tell users what is new to each of their sockets. One that does not read holds up none but itself."""
        async with anyio.create_task_group() as tasks:
            for socket in [*self._open]:
                for notice in notices.get(socket.user.user_id, ()) if socket.user is not None else ():
                    tasks.start_soon(socket.tell, notice)

    def end_login(self, user: Principal) -> None:
        for socket in self._open:
            if socket.user == user:
                socket.end(NOT_AUTHENTICATED, InvalidToken.code)

    def leave(self) -> None:
        """Close every socket, also those yet to come: the process is leaving."""
        self._leaving = True
        for socket in self._open:
            self._restart(socket)

    def _arrive(self) -> None:
        self._arrival.set()
        self._arrival = anyio.Event()

    def _restart(self, socket: Socket) -> None:
        notice = Notice(kind="server_stopping", detail="The server is stopping. Connect again in a moment.")
        socket.end(SERVICE_RESTART, ServerStopping.code, notice)
