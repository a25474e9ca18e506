"""Secrets as other parts of the product use them."""

from app.domain.secrets.service.checks import Checks
from app.domain.secrets.service.expiry import Ending, Endings
from app.domain.secrets.service.oversight import Oversight
from app.domain.secrets.service.reveals import Reveals
from app.domain.secrets.service.secrets import Secrets
from app.domain.secrets.service.trail import Trail
from app.domain.secrets.service.usage import UsageBook
from app.domain.secrets.service.vault import Vault

__all__ = ["Checks", "Ending", "Endings", "Oversight", "Reveals", "Secrets", "Trail", "UsageBook", "Vault"]
