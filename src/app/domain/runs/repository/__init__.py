"""Every query on runs."""

from app.domain.runs.repository.control import ControlRepository
from app.domain.runs.repository.runs import RunRepository
from app.domain.runs.repository.start_keys import StartKeyRepository

__all__ = ["ControlRepository", "RunRepository", "StartKeyRepository"]
