"""Every query on runs."""

from app.domain.runs.repository.control import ControlRepository
from app.domain.runs.repository.runs import ACTIVE_RUNS, RunRepository
from app.domain.runs.repository.start_keys import StartKeyRepository

__all__ = ["ACTIVE_RUNS", "ControlRepository", "RunRepository", "StartKeyRepository"]
