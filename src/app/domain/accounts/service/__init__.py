"""Accounts as other parts of the product use them."""

from app.domain.accounts.service.access import AccessService, Grant, TryLimits
from app.domain.accounts.service.accounts import AccountService
from app.domain.accounts.service.authenticator import Authenticator
from app.domain.accounts.service.origins import Origins
from app.domain.accounts.service.tickets import TicketService
from app.domain.accounts.service.tries import Tries, try_key

__all__ = ["AccessService", "AccountService", "Authenticator", "Grant", "Origins", "TicketService", "Tries",
           "TryLimits", "try_key"]  # fmt: skip
