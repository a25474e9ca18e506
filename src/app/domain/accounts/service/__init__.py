"""Accounts as other parts of the product use them."""

from app.domain.accounts.service.access import AccessService, Grant, TryLimits
from app.domain.accounts.service.accounts import AccountService
from app.domain.accounts.service.authenticator import Authenticator

__all__ = ["AccessService", "AccountService", "Authenticator", "Grant", "TryLimits"]
