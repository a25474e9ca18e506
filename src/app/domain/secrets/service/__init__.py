"""Secrets as other parts of the product use them."""

from app.domain.secrets.service.oversight import Oversight
from app.domain.secrets.service.secrets import Secrets
from app.domain.secrets.service.trail import Trail
from app.domain.secrets.service.vault import Vault

__all__ = ["Oversight", "Secrets", "Trail", "Vault"]
