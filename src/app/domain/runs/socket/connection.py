"""One open socket: who is there, what they ask for, and how it is closed."""

from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

import anyio
import anyio.lowlevel
from anyio.abc import TaskGroup

from app.domain.accounts.errors import NotAuthenticated
from app.domain.accounts.schemas import Principal
from app.domain.runs.errors import AlreadyAuthenticated
from app.domain.runs.idempotency import repeatable
from app.domain.runs.notices import Notice, SecretExpiringNotice
from app.domain.runs.schemas import RunView
from app.domain.runs.service import Runs
from app.domain.runs.socket import messages as m
from app.domain.runs.socket.follows import Follows, HistoryOf
from app.domain.runs.socket.wire import Codec, Receive, Send, Wire

MOST_UNTOLD = 100
"""Notices for one that does not read. The oldest are dropped: they only say where to look."""
AUTH_SECONDS = 5.0
CLOSE_SECONDS = 1.0
NOT_AUTHENTICATED = 4401
TRY_AGAIN_LATER = 1013

Authenticate = Callable[[str], Awaitable[Principal]]


class Done(NamedTuple):
    ok: Any = True
    then: Callable[[TaskGroup], None] | None = None
    """After the answer was sent."""


class _End(NamedTuple):
    code: int
    reason: str
    notice: Notice | None


class Socket:
    """Does what is asked one by one, so that no client has more than one request going on here."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        *,
        runs: Runs,
        authenticate: Authenticate,
        codec: Codec,
        send_seconds: float,
        on_admitted: Callable[[Principal], None],
    ) -> None:
        self.user: Principal | None = None
        self._on_admitted = on_admitted
        self._runs = runs
        self._authenticate = authenticate
        self._codec = codec
        self._end: _End | None = None
        self._told = anyio.Event()
        self._tasks: TaskGroup | None = None
        self._warned: set[SecretExpiringNotice] = set()
        self._untold: deque[Notice] = deque(maxlen=MOST_UNTOLD)
        self._telling = False
        self._scope = anyio.CancelScope()
        self._wire = Wire(receive, send, send_seconds=send_seconds, on_lost=self._scope.cancel)
        self._follows = Follows(self._wire, runs)

    def end(self, code: int, reason: str, notice: Notice | None = None) -> None:
        """Close soon; the first one to ask says why."""
        if self._end is None:
            self._end = _End(code, reason, notice)
            self._told.set()

    def tell(self, notice: Notice) -> None:
        """Soon, without holding up whoever tells it; a warning once, however often it is given."""
        if isinstance(notice, SecretExpiringNotice):
            if notice in self._warned:
                return
            self._warned.add(notice)
        self._untold.append(notice)
        if not self._telling and self._tasks is not None:
            self._telling = True
            self._tasks.start_soon(self._tell)

    async def serve(self, proof: Awaitable[Principal] | None) -> None:
        """Until either side closes. Without a proof of who it is the first message must be one."""
        with self._scope:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self._close_when_told)
                if proof is not None:
                    await self._admit(None, proof)
                else:
                    tasks.start_soon(self._close_unless_admitted)
                while (message := await self._wire.receive()) is not None:
                    # Messages may lie ready in thousands: others have their turn between two of them.
                    await anyio.lowlevel.checkpoint()
                    if self._end is None:
                        await self._answer(tasks, message)
                tasks.cancel_scope.cancel()

    async def _tell(self) -> None:
        while self._untold and self._end is None:
            await self._wire.send(m.noticed(self._untold.popleft()))
        self._telling = False

    async def _close_when_told(self) -> None:
        await self._told.wait()
        if self._end is None:
            return
        notices = [m.noticed(self._end.notice)] if self._end.notice is not None else []
        with anyio.move_on_after(CLOSE_SECONDS) as bound, suppress(OSError, RuntimeError):  # it has gone already
            await self._wire.close(self._end.code, self._end.reason, *notices)
        if bound.cancelled_caught:  # it does not read, so that it cannot be told
            self._scope.cancel()

    async def _close_unless_admitted(self) -> None:
        await anyio.sleep(AUTH_SECONDS)
        if self.user is None:
            self.end(NOT_AUTHENTICATED, NotAuthenticated.code)

    async def _admit(self, ref: m.Ref, proof: Awaitable[Principal]) -> bool:
        try:
            self.user = await proof
            self._on_admitted(self.user)
        except Exception as error:  # noqa: BLE001 - told in the same words as over HTTP
            problem = self._codec.problem(error)
            await self._wire.send(m.refused(ref, problem))
            self.end(NOT_AUTHENTICATED if problem["status"] in {401, 403} else TRY_AGAIN_LATER, problem["code"])
            return False
        return True

    async def _answer(self, tasks: TaskGroup, message: str | bytes) -> None:
        ref: m.Ref = None
        try:
            value = self._codec.decode(m.text_of(message))
            ref = m.ref_of(value)
            op = m.op_of(value)
            if self.user is None:
                await self._come_in(ref, op)
                return
            # What was begun is finished, as over HTTP, also where its client has gone meanwhile.
            with anyio.CancelScope(shield=True):
                done = await self._do(op, self.user)
        except Exception as error:  # noqa: BLE001 - told in the same words as over HTTP
            await self._wire.send(m.refused(ref, self._codec.problem(error)))
            return
        await self._wire.send(m.answered(ref, done.ok))
        if done.then is not None:
            done.then(tasks)

    async def _come_in(self, ref: m.Ref, op: m.Op) -> None:
        if not isinstance(op, m.Auth):
            raise NotAuthenticated
        if await self._admit(ref, self._authenticate(op.token)):
            await self._wire.send(m.answered(ref, ok=True))

    async def _do(self, op: m.Op, user: Principal) -> Done:
        owner_id = user.user_id
        match op:
            case m.Ping():
                return Done()
            case m.Auth():
                raise AlreadyAuthenticated
            case m.Invoke():
                return await self._invoke(op, user)
            case m.Follow():
                self._runs.may_stream()
                self._follows.check(op.run_id)
                run = await self._runs.get(owner_id, op.run_id)
                place = self._runs.reader()
                return Done(run, lambda tasks: self._follows.start(tasks, run, op.after, place, group=user))
            case m.Unfollow():
                self._follows.stop(op.run_id)
                return Done()
            case _:
                return Done(await self._steer(op, user))

    async def _steer(self, op: m.Pause | m.Resume | m.Cancel | m.Approve | m.Input, user: Principal) -> RunView:
        runs, owner_id, run_id = self._runs, user.user_id, op.run_id
        match op:
            case m.Pause():
                return await runs.pause(owner_id, run_id)
            case m.Resume():
                return await runs.resume(owner_id, run_id)
            case m.Cancel(mode=mode):
                return await runs.cancel(owner_id, run_id, mode)
            case m.Approve():
                return await runs.answer_approval(
                    owner_id, run_id, op.approval_id, approve=op.approve, reason=op.reason
                )
            case m.Input():
                return await runs.answer_input(owner_id, run_id, op.input_id, op.content)

    async def _invoke(self, op: m.Invoke, user: Principal) -> Done:
        self._runs.may_stream()
        self._follows.check()
        again = repeatable(op.idempotency_key, "agents/invoke", op.agent, op.body)
        with self._runs.reader() as reader:
            started = await self._runs.start(user, op.agent, op.body, again)
            run = await self._runs.get(user.user_id, started.run_id)
            place = reader.pass_on()
        history = HistoryOf(user.user_id, started.session_key) if "history" in op.body.include else None
        return Done(run, lambda tasks: self._follows.start(tasks, run, 0, place, group=user, history_of=history))
