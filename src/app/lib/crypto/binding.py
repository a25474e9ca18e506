"""What a sealed value belongs to, as bytes that only this belongs to."""

from typing import NamedTuple
from uuid import UUID


class Binding(NamedTuple):
    """A value opens only where it was put."""

    owner: UUID
    secret: UUID
    version: int
    field: str

    def encoded(self, purpose: str, *more: bytes) -> bytes:
        return joined(
            purpose.encode(),
            self.owner.bytes,
            self.secret.bytes,
            self.version.to_bytes(8),
            self.field.encode(),
            *more,
        )


def joined(*parts: bytes) -> bytes:
    """Each with its length before it, and how many there are: no other parts make the same bytes."""
    pieces = [len(parts).to_bytes(4)]
    for part in parts:
        pieces += (len(part).to_bytes(8), part)
    return b"".join(pieces)
