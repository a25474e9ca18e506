"""What A2A's verbs do with runs."""

import hashlib
import re
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from a2a.types.a2a_pb2 import Message

from app.domain.a2a import conformance
from app.domain.a2a.errors import (
    AnswerUnclear,
    ContextMismatch,
    TaskNotCancelable,
    TaskNotFound,
    TaskOver,
    TaskWorking,
)
from app.domain.a2a.fold import Fold
from app.domain.a2a.parts import data_of, text_of
from app.domain.a2a.tasks import context_of, open_questions
from app.domain.accounts.schemas import Principal
from app.domain.runs.idempotency import repeatable
from app.domain.runs.lookup import Asked, Lookup
from app.domain.runs.messages import checked
from app.domain.runs.questions import INPUT, Question
from app.domain.runs.schemas import MessageIn, Origin, StartRun
from app.domain.runs.service import Runs
from app.domain.runs.states import ACTIVE
from app.lib.runlog.frames import PING

DEFAULT_AGENT = "chat"
_SESSION_KEY = re.compile(r"[A-Za-z0-9_-]{1,128}")
_YES = {"approve", "approved", "yes", "ok"}
_NO = re.compile(r"(?:reject|rejected|no|deny|denied)\b[\s,:.-]*(.*)", re.IGNORECASE | re.DOTALL)


class Place(NamedTuple):
    """In the order of a list of tasks."""

    changed_at: datetime
    run_id: UUID


class Tasks:
    def __init__(self, runs: Runs, lookup: Lookup, *, conformance_on: bool) -> None:
        self.runs = runs
        self._lookup = lookup
        self._conformance_on = conformance_on

    @property
    def default_agent(self) -> str:
        return conformance.NAME if self._conformance_on else DEFAULT_AGENT

    async def get(self, user: Principal, task_id: str) -> Asked:
        """Raises TaskNotFound, also for what is no task's id or another user's."""
        try:
            run_id = UUID(task_id)
        except ValueError:
            raise TaskNotFound from None
        return await self._lookup.one(user.user_id, run_id)

    async def send(self, user: Principal, agent: str, message: Message, key: str | None = None) -> tuple[Asked, int]:
        """Begin a task, or answer what one waits for. Returns it, and after which of its events the news begins.

        A task that is at work takes no message and one that has ended none any more: nothing is ever run twice.
        """
        if message.task_id:
            return await self._answer(user, message)
        text = self._scripted(agent, message, text_of(message))
        context_id = message.context_id or str(uuid4())
        body = StartRun(messages=[MessageIn(role="user", content=text)], session_id=session_key(context_id))
        started = await self.runs.start(
            user,
            conformance.DEFINITION if agent == conformance.NAME and self._conformance_on else agent,
            body,
            repeatable(key, "a2a", agent, body),
            Origin(context_id=context_id, message_id=message.message_id),
        )
        return await self._lookup.one(user.user_id, started.run_id), 0

    async def cancel(self, user: Principal, task_id: str) -> Asked:
        """Raises TaskNotCancelable where it has ended."""
        asked = await self.get(user, task_id)
        if asked.run.state not in ACTIVE:
            raise TaskNotCancelable
        await self.runs.stop(asked.run)
        return await self.get(user, task_id)

    async def page(
        self,
        user: Principal,
        agent: str,
        *,
        context_id: str,
        states: list[str],
        since: datetime | None,
        before: Place | None,
        limit: int,
    ) -> tuple[list[Asked], int]:
        return await self._lookup.newest(
            user.user_id,
            agents=[agent],
            session_id=session_key(context_id) if context_id else None,
            states=states,
            since=since,
            before=before,
            limit=limit,
        )

    async def folded(self, asked: Asked, *, up_to: int | None = None) -> Fold | None:
        """What its log tells so far, or up to an event; None where the log is not kept any more."""
        fold = Fold(asked.run.id, context_of(asked), waits=conformance.waiting_state(asked))
        last = asked.run.last_seq if up_to is None else min(up_to, asked.run.last_seq)
        if not asked.log_kept:
            return None
        if last == 0:
            return fold
        async with self.runs.following(asked.run.id, after=0) as cursor:
            while fold.seq < last:
                data = await cursor.read()
                if not data:
                    break
                if data is not PING:
                    fold.read(data, up_to=last)
        return fold

    async def _answer(self, user: Principal, message: Message) -> tuple[Asked, int]:
        asked = await self.get(user, message.task_id)
        if message.context_id and message.context_id != context_of(asked):
            raise ContextMismatch
        if asked.run.state not in ACTIVE:
            raise TaskOver
        waiting = open_questions(asked)
        if not waiting:
            raise TaskWorking
        data = data_of(message)
        named = data.get("approval_id") or data.get("input_id")
        question = next((one for one in waiting if one.id == named), waiting[0])
        await self._say(user, asked, question, message)
        return await self.get(user, message.task_id), asked.run.last_seq

    async def _say(self, user: Principal, asked: Asked, question: Question, message: Message) -> None:
        run_id = asked.run.id
        if question.kind == INPUT:
            said = self._scripted(asked.run.agent, message, text_of(message))
            _, text = checked([MessageIn(role="user", content=said)])
            await self.runs.answer_input(user.user_id, run_id, question.id, text)
            return
        approve, reason = decision(message)
        await self.runs.answer_approval(user.user_id, run_id, question.id, approve=approve, reason=reason)

    def _scripted(self, agent: str, message: Message, text: str) -> str:
        """What the agent of the conformance tests is told."""
        if agent == conformance.NAME and self._conformance_on:
            return conformance.marked(message.message_id, text)
        return text


def session_key(context_id: str) -> str:
    """The session of a context: any text may be one, and each is one session of its user."""
    if _SESSION_KEY.fullmatch(context_id):
        return context_id
    return f"context-{hashlib.sha256(context_id.encode('utf-8', 'surrogatepass')).hexdigest()}"


def decision(message: Message) -> tuple[bool, str | None]:
    """What it says to an approval. Nothing but a clear yes is one, and nothing but a clear no. Raises AnswerUnclear."""
    data = data_of(message)
    if isinstance(data.get("approve"), bool):
        reason = data.get("reason")
        return data["approve"], reason if isinstance(reason, str) else None
    said = " ".join(part.text for part in message.parts if part.WhichOneof("content") == "text").strip()
    if said.lower().rstrip(".!") in _YES:
        return True, None
    if found := _NO.fullmatch(said):
        return False, found[1].strip()[:1000] or None
    raise AnswerUnclear
