"""Secrets as other parts of the product use them."""

from app.domain.secrets.repository.uses import open_uses
from app.domain.secrets.service.checks import Checks
from app.domain.secrets.service.expiry import Ending, Endings
from app.domain.secrets.service.nodes import Node
from app.domain.secrets.service.oversight import Oversight
from app.domain.secrets.service.reveals import Reveals
from app.domain.secrets.service.rewrapping import KeyUse, NodeKeys, Rewrapping, anything_sealed
from app.domain.secrets.service.secrets import ActiveRuns, Secrets
from app.domain.secrets.service.trail import Trail
from app.domain.secrets.service.usage import Report, UsageDesk
from app.domain.secrets.service.vault import Vault

__all__ = ["ActiveRuns", "Checks", "Ending", "Endings", "KeyUse", "Node", "NodeKeys", "Oversight", "Report", "Reveals",
           "Rewrapping", "Secrets", "Trail", "UsageDesk", "Vault", "anything_sealed",
           "open_uses"]  # fmt: skip
