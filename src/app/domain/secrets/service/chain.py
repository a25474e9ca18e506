"""An owner's audit trail as a chain: each row's MAC covers the one before it, and a keyed head knows where it ends.

An unkeyed chain could be computed anew by whoever changes the database, and of one without a head the last rows could
be dropped. The key is the trail's own, random, and wrapped like that of a value: a new master key leaves it as it is.
"""

import hashlib
import hmac
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self
from uuid import UUID

import msgspec
from msgspec.structs import replace
from sqlalchemy.ext.asyncio import AsyncSession

from app.domain.secrets.errors import TrailTampered, VaultSealed
from app.domain.secrets.models import Action, AuditRow
from app.domain.secrets.repository import KeyRepository, TrailRepository
from app.domain.secrets.repository.uses import StoredHead
from app.domain.secrets.schemas import Actor
from app.lib.crypto.binding import Binding, joined
from app.lib.crypto.envelope import Envelope, NotOpened, Sealed, Wrap
from app.lib.crypto.ring import UnknownMasterKey

FIELD = "audit trail"
BEGINNING = bytes(32)
"""Stands for the MAC of the row before the first."""
_SEAL_BYTES = 16 + 4 + 1 + 32
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Seal(NamedTuple):
    """That a value was stored, and is there still."""

    digest: bytes
    current: bool


Seals = dict[tuple[UUID, int], Seal]


class Chain:
    """One owner's trail, within one transaction that has it to itself. What was added is stored by `keep`."""

    def __init__(self, trail: TrailRepository | None, owner_id: UUID, key: bytes, head: Any) -> None:
        self._trail = trail
        self._owner_id = owner_id
        self._key = key
        self._count: int = head.count
        self._last: bytes = head.last_mac
        self._packed: bytes = head.seals
        self._seals: Seals | None = None
        self._rows: list[dict[str, Any]] = []
        self._head: StoredHead | None = None

    @classmethod
    async def hold(cls, db_session: AsyncSession, envelope: Envelope, owner_id: UUID, *, now: datetime) -> Self:
        """Take this lock before any other of the transaction. Raises VaultSealed and TrailTampered."""
        trail = TrailRepository(db_session)
        head = await trail.head(owner_id, hold=True)
        if head is None:
            head = await _begun(db_session, trail, envelope, owner_id, now)
        key = trail_key(envelope, head)
        if not hmac.compare_digest(head_mac(key, head), head.mac):
            raise TrailTampered
        return cls(trail, owner_id, key, head)

    @property
    def seals(self) -> Seals:
        if self._seals is None:
            self._seals = unpacked(self._packed)
        return self._seals

    def has(self, secret_id: UUID, version: int, digest: bytes, *, current: bool) -> bool:
        """Whether exactly this was stored as that version, and the version is the current one where it should be."""
        known = self._seals
        seal = _seal_in(self._packed, secret_id, version) if known is None else known.get((secret_id, version))
        return seal is not None and hmac.compare_digest(seal.digest, digest) and (seal.current or not current)

    def stored(self, secret_id: UUID, version: int, digest: bytes) -> None:
        """A new value, which is the current one from now on."""
        self.seals[secret_id, version] = Seal(digest, current=False)
        self.made_current(secret_id, version)

    def made_current(self, secret_id: UUID, version: int) -> None:
        for key in [key for key in self.seals if key[0] == secret_id]:
            self.seals[key] = self.seals[key]._replace(current=key[1] == version)
        self._packed = packed(self.seals)

    def forget(self, secret_id: UUID, version: int | None = None) -> None:
        """One version, or all of them."""
        for key in [key for key in self.seals if key[0] == secret_id and version in {None, key[1]}]:
            del self.seals[key]
        self._packed = packed(self.seals)

    def add(
        self,
        action: Action,
        by: Actor,
        *,
        now: datetime,
        secret_id: UUID | None = None,
        version: int | None = None,
        run_id: UUID | None = None,
        detail: str = "",
    ) -> None:
        self._count += 1
        row = {
            "owner_id": self._owner_id,
            "seq": self._count,
            "at": now,
            "action": action.value,
            "secret_id": secret_id,
            "version": version,
            "actor_id": by.user_id,
            "run_id": run_id,
            "address": by.address[:64],
            "request_id": by.request_id[:128],
            "detail": detail[:200],
        }
        row["mac"] = self._last = row_mac(self._key, self._last, **row)
        self._rows.append(row)

    @classmethod
    def at(cls, envelope: Envelope, head: StoredHead) -> Self:
        """Where it stood a moment ago: `noted` tells how it would go on. Raises VaultSealed and TrailTampered."""
        key = trail_key(envelope, head)
        if not hmac.compare_digest(head_mac(key, head), head.mac):
            raise TrailTampered
        chain = cls(None, head.owner_id, key, head)
        chain._head = head
        return chain

    def noted(self) -> tuple[StoredHead, StoredHead, dict[str, Any]]:
        """Of one that is `at` a head: the head before and after the one row that was added, and the row.

        It stands at the head after it then. Whoever could not store that lets go of the chain.
        """
        before = self._head
        assert before is not None  # noqa: S101 - see above
        after = replace(before, count=self._count, last_mac=self._last)
        self._head = after = replace(after, mac=head_mac(self._key, after))
        (row,), self._rows = self._rows, []
        return before, after, row

    async def keep(self) -> None:
        """Store what was added. What raises here refuses what it was to tell of."""
        if not self._rows or self._trail is None:
            return
        head = Head(self._owner_id, self._count, self._last, self._packed)
        await self._trail.add(self._rows)
        await self._trail.move_head(
            self._owner_id,
            count=head.count,
            last_mac=head.last_mac,
            seals=head.seals,
            mac=head_mac(self._key, head),
        )
        self._rows = []


class Head(msgspec.Struct, frozen=True):
    owner_id: UUID
    count: int
    last_mac: bytes
    seals: bytes


async def _begun(
    db_session: AsyncSession, trail: TrailRepository, envelope: Envelope, owner_id: UUID, now: datetime
) -> Any:
    """The head of a trail that nothing is in yet. Several may begin it at once; one does."""
    if await trail.any_row(owner_id):
        raise TrailTampered  # rows without a head: somebody took it away
    try:
        key, wrap = envelope.new_key(binding(owner_id))
    except UnknownMasterKey:
        raise VaultSealed from None
    if not await KeyRepository(db_session).use(wrap.key_id, now=now):
        raise VaultSealed
    first = Head(owner_id, 0, BEGINNING, b"")
    await trail.begin(**msgspec.structs.asdict(first), mac=head_mac(key, first), **wrap_columns(wrap))
    return await trail.head(owner_id, hold=True)


def binding(owner_id: UUID) -> Binding:
    return Binding(owner_id, owner_id, 0, FIELD)


def wrap_columns(wrap: Wrap) -> dict[str, Any]:
    return {"wrap_key_id": wrap.key_id, "wrap_nonce": wrap.nonce, "wrapped_key": wrap.wrapped}


def trail_key(envelope: Envelope, head: Any) -> bytes:
    """Raises VaultSealed and TrailTampered."""
    try:
        return envelope.unwrap(Wrap(head.wrap_key_id, head.wrap_nonce, head.wrapped_key), binding(head.owner_id))
    except UnknownMasterKey:
        raise VaultSealed from None
    except NotOpened:
        raise TrailTampered from None


def digest_of(sealed: Sealed) -> bytes:
    """Of what a row holds of a value. Not of its wrap, which changes with the master key."""
    return hashlib.sha256(joined(sealed.nonce, sealed.ciphertext, sealed.commitment)).digest()


def head_mac(key: bytes, head: Any) -> bytes:
    parts = joined(b"head", head.owner_id.bytes, head.count.to_bytes(8), head.last_mac, head.seals)
    return hmac.digest(key, parts, "sha256")


def row_mac(key: bytes, before: bytes, **row: Any) -> bytes:
    def number(value: int | None) -> bytes:
        return b"" if value is None else value.to_bytes(8)

    def identity(value: UUID | None) -> bytes:
        return b"" if value is None else value.bytes

    parts = joined(
        b"row",
        before,
        identity(row["owner_id"]),
        number(row["seq"]),
        number(round((row["at"] - _EPOCH).total_seconds() * 1_000_000)),
        row["action"].encode(),
        identity(row["secret_id"]),
        number(row["version"]),
        identity(row["actor_id"]),
        identity(row["run_id"]),
        row["address"].encode(),
        row["request_id"].encode(),
        row["detail"].encode(),
    )
    return hmac.digest(key, parts, "sha256")


def mac_of(key: bytes, before: bytes, row: AuditRow) -> bytes:
    return row_mac(key, before, **{column.key: getattr(row, column.key) for column in AuditRow.__table__.columns})


def packed(seals: Seals) -> bytes:
    return b"".join(
        secret_id.bytes + version.to_bytes(4) + bytes([seal.current]) + seal.digest
        for (secret_id, version), seal in sorted(seals.items())
    )


def _seal_in(data: bytes, secret_id: UUID, version: int) -> Seal | None:
    """One of them, without making objects of all: every use looks for one."""
    wanted = secret_id.bytes + version.to_bytes(4)
    start = data.find(wanted)
    while start % _SEAL_BYTES and start >= 0:  # in the middle of another: a hash may look like anything
        start = data.find(wanted, start + 1)
    return _seal_at(data, start) if start >= 0 else None


def unpacked(data: bytes) -> Seals:
    """Only of what the head's MAC has vouched for."""
    seals: Seals = {}
    for start in range(0, len(data), _SEAL_BYTES):
        secret_id, version = UUID(bytes=data[start : start + 16]), int.from_bytes(data[start + 16 : start + 20])
        seals[secret_id, version] = _seal_at(data, start)
    return seals


def _seal_at(data: bytes, start: int) -> Seal:
    return Seal(data[start + 21 : start + _SEAL_BYTES], bool(data[start + 20]))
