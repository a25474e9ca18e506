"""The open sockets of this process, and what is told to all of them."""

from collections.abc import Callable, Iterator, KeysView
from contextlib import contextmanager
from uuid import UUID

import anyio

from app.domain.accounts.errors import InvalidToken
from app.domain.accounts.schemas import Principal
from app.domain.runs.errors import ServerStopping
from app.domain.runs.notices import Notice, ServerStoppingNotice
from app.domain.runs.service import Runs
from app.domain.runs.socket.connection import NOT_AUTHENTICATED, Authenticate, Socket
from app.domain.runs.socket.wire import Codec, Receive, Send

SERVICE_RESTART = 1012


class Sockets:
    def __init__(self, codec: Codec, *, send_seconds: float) -> None:
        self.codec = codec
        self._send_seconds = send_seconds
        self._open: set[Socket] = set()
        self._of: dict[UUID, set[Socket]] = {}
        """By user, once they have said who they are."""
        self.on_user: Callable[[UUID], None] = lambda _: None
        """Somebody has come."""
        self._leaving = False
        self._arrival = anyio.Event()

    @contextmanager
    def opened(self, receive: Receive, send: Send, *, runs: Runs, authenticate: Authenticate) -> Iterator[Socket]:
        def arrive(user: Principal) -> None:
            self._of.setdefault(user.user_id, set()).add(socket)
            self.on_user(user.user_id)
            self._arrival.set()
            self._arrival = anyio.Event()

        socket = Socket(
            receive,
            send,
            runs=runs,
            authenticate=authenticate,
            codec=self.codec,
            send_seconds=self._send_seconds,
            on_admitted=arrive,
        )
        self._open.add(socket)
        if self._leaving:
            self._restart(socket)
        try:
            yield socket
        finally:
            self._open.discard(socket)
            if socket.user is not None:
                self._leave(socket, socket.user.user_id)

    def users(self) -> set[Principal]:
        return {socket.user for socket in self._open if socket.user is not None}

    @property
    def arrival(self) -> anyio.Event:
        """Set when the next user comes."""
        return self._arrival

    def user_ids(self) -> KeysView[UUID]:
        return self._of.keys()

    def has(self, user_id: UUID) -> bool:
        return user_id in self._of

    def notify(self, user_id: UUID, notice: Notice) -> None:
        """Tell each socket of that user. One that does not read holds up none but itself."""
        for socket in self._of.get(user_id, ()):
            socket.tell(notice)

    def end_login(self, user: Principal) -> None:
        for socket in self._open:
            if socket.user == user:
                socket.end(NOT_AUTHENTICATED, InvalidToken.code)

    def leave(self) -> None:
        """Close every socket, also those yet to come: the process is leaving."""
        self._leaving = True
        for socket in self._open:
            self._restart(socket)

    def _leave(self, socket: Socket, user_id: UUID) -> None:
        others = self._of.get(user_id, set())
        others.discard(socket)
        if not others:
            self._of.pop(user_id, None)

    def _restart(self, socket: Socket) -> None:
        notice = ServerStoppingNotice(detail="The server is stopping. Connect again in a moment.")
        socket.end(SERVICE_RESTART, ServerStopping.code, notice)
