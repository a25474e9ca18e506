"""The rules of limits and usage."""

from app.domain.quotas.service.gate import Gate, Passage
from app.domain.quotas.service.limits import Quotas
from app.domain.quotas.service.metering import Metering
from app.domain.quotas.service.usage import Usages

__all__ = ["Gate", "Metering", "Passage", "Quotas", "Usages"]
