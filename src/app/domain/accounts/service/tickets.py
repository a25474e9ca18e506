"""Tickets: what stands in an address instead of a token, for browsers' `EventSource` and `WebSocket`."""

import hashlib
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from app.domain.accounts.errors import InvalidTicket, InvalidToken
from app.domain.accounts.models import Ticket
from app.domain.accounts.repository import TicketRepository
from app.domain.accounts.schemas import IssuedTicket, Principal, RunTicket
from app.domain.accounts.service.authenticator import Authenticator
from app.lib.clock import Clock
from app.lib.db.engine import Database

FIRST_USE = timedelta(seconds=60)
AFTER_THE_END = timedelta(minutes=5)
"""How long after its run's end a ticket still reads: a browser comes back once more to hear that nothing is left."""
UNUSED = timedelta(days=31)
"""A run's ticket that nobody came with for so long is forgotten. No run is paused for longer."""
MOST = 1_000
"""Tickets of one user. The newest ones stay."""
_PREFIX = "hgk_"


class TicketService:
    """Has its own transactions: it is asked before there is a request's."""

    def __init__(self, db: Database, authenticator: Authenticator, *, clock: Clock) -> None:
        self._db = db
        self._authenticator = authenticator
        self._clock = clock

    async def issue(self, user: Principal, run_id: UUID | None) -> IssuedTicket:
        """A ticket for one run's events, which the user must own, or for one WebSocket. Ends with the user's login."""
        value = _PREFIX + secrets.token_urlsafe(32)
        now = self._clock.now()
        ticket = Ticket(
            digest=_digest(value),
            owner_id=user.user_id,
            family_id=user.family_id,
            run_id=run_id,
            use_by=now + FIRST_USE,
            expires_at=now + FIRST_USE,
        )
        async with self._db.writing() as db_session:
            tickets = TicketRepository(db_session)
            await tickets.forget_over(now=now)
            await tickets.keep_newest(user.user_id, MOST - 1)
            await tickets.add(ticket)
        return IssuedTicket(ticket=value, expires_in=int(FIRST_USE.total_seconds()))

    async def for_run(self, value: str, run_id: UUID) -> tuple[Principal, RunTicket]:
        """Who follows this run with this ticket. Raises InvalidTicket."""
        now = self._clock.now()
        async with self._db.writing() as db_session:
            row = await TicketRepository(db_session).read_with(_digest(value), run_id, now=now, until=now + UNUSED)
        if row is None:
            raise InvalidTicket
        return await self._principal(row.owner_id, row.family_id), RunTicket(use_by=row.use_by)

    async def for_socket(self, value: str) -> Principal:
        """Who opens a WebSocket with this ticket, which is used up by that. Raises InvalidTicket."""
        async with self._db.writing() as db_session:
            login = await TicketRepository(db_session).use_up(_digest(value), now=self._clock.now())
        if login is None:
            raise InvalidTicket
        return await self._principal(*login)

    def check(self, ticket: RunTicket, ended_at: datetime | None) -> None:
        """Raises InvalidTicket where its run ended too long ago."""
        if ended_at is not None and self._clock.now() > max(ticket.use_by, ended_at + AFTER_THE_END):
            raise InvalidTicket

    async def _principal(self, user_id: UUID, family_id: UUID | None) -> Principal:
        try:
            return await self._authenticator.principal(user_id, family_id, "ticket")
        except InvalidToken:
            raise InvalidTicket from None


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest()
