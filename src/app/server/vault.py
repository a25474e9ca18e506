"""The vault, put together once for the whole application."""

from dataclasses import dataclass
from typing import Any

from litestar.di import Provide

from app.domain.accounts.service import AccessService, Tries
from app.domain.secrets.service import Checks, Endings, Oversight, Reveals, Secrets, Trail, UsageBook, Vault
from app.lib.clock import Clock
from app.lib.crypto.ring import Ring, read_master_keys
from app.lib.db.engine import Database
from app.lib.egress.policy import Policy
from app.lib.providers.registry import Registry
from app.server.settings import Settings


def build_ring(settings: Settings) -> Ring:
    """`serve` has put the instance's own master key there; without one the vault is sealed."""
    key = settings.master_key.get_secret_value() if settings.master_key else None
    return Ring(lambda: read_master_keys(key, None) if key else [])


@dataclass(frozen=True, slots=True)
class Vaulting:
    ring: Ring
    vault: Vault
    """Opens keys for runs."""
    book: UsageBook
    endings: Endings
    dependencies: dict[str, Provide]


def build_vault(
    ring: Ring, *, db: Database, clock: Clock, egress: Policy, registry: Registry, access: AccessService
) -> Vaulting:
    secrets = Secrets(db, ring, clock, egress)
    book = UsageBook(db, clock)
    doors = {
        "secrets": secrets,
        "checks": Checks(secrets, registry, Tries(db, clock)),
        "reveals": Reveals(secrets, access),
        "trail": Trail(db, ring),
        "book": book,
        "oversight": Oversight(db, ring, clock),
    }
    provided = {name: _always(door) for name, door in doors.items()}
    return Vaulting(ring, Vault(db, ring, clock), book, Endings(db, clock), provided)


def _always(value: Any) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)
