"""`/api/tickets`: a way in for what cannot send a header."""

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody

from app.domain.accounts.schemas import IssuedTicket, NewTicket, Principal
from app.domain.accounts.service import TicketService
from app.domain.runs.service import Runs


class TicketController(Controller):
    path = "/api/tickets"
    tags = ["access"]

    @post(responses={404: ResponseSpec(None, description="`run_not_found`")})
    async def issue(
        self,
        user: NamedDependency[Principal],
        runs: NamedDependency[Runs],
        tickets: NamedDependency[TicketService],
        data: JSONBody[NewTicket | None] = None,
    ) -> IssuedTicket:
        """A ticket for `?ticket=`: with a `run_id` for that run's events, without one for a WebSocket, once.

        It must be used within a minute. That of a run then reads again and again, until five minutes after its end.
        """
        run_id = data.run_id if data is not None else None
        if run_id is not None:
            await runs.get(user.user_id, run_id)
        return await tickets.issue(user, run_id)
