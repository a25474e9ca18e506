"""Every query of `secrets`."""

from app.domain.secrets.repository.keys import KeyRepository
from app.domain.secrets.repository.rows import SecretRepository, Usable
from app.domain.secrets.repository.trail import TrailRepository

__all__ = ["KeyRepository", "SecretRepository", "TrailRepository", "Usable"]
