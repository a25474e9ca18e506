"""All SQL of quotas."""

from app.domain.quotas.repository.history import HistoryRepository
from app.domain.quotas.repository.limits import LimitRepository
from app.domain.quotas.repository.usage import UsageRepository

__all__ = ["HistoryRepository", "LimitRepository", "UsageRepository"]
