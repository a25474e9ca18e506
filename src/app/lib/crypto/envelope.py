"""Envelope encryption: every value under a key of its own, that key wrapped by one of its owner's.

- The value: AES-256-GCM (NIST SP 800-38D) with a random nonce. Its key is used once, so no nonce can meet another.
- The data key is fresh. HKDF with SHA-256 (RFC 5869) makes two of it: the encryption key, and a commitment that is
  stored and compared before anything is decrypted. GCM alone lets one ciphertext open under several keys, each to
  another text (Albertini and others, "How to Abuse and Fix Authenticated Encryption Without Key Commitment", USENIX
  Security 2022); the commitment is the fix that the paper and the AWS Encryption SDK's message format 2 have.
- The wrap: AES-256-GCM under a key derived from the master key for one owner, with random nonces. Section 8.3 of SP
  800-38D allows 2^32 of those under one key; an owner has thousands at most.
- Additional data binds both to owner, secret, version and field, and the wrap to its master key as well: a row that is
  moved does not open, and a new wrap leaves the value as it is.
"""

import hmac
import secrets
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.lib.crypto.binding import Binding
from app.lib.crypto.ring import KEY_BYTES, MasterKey, Ring

NONCE_BYTES = 12
_VALUE, _WRAP = "headgate value 1", "headgate wrap 1"


class NotOpened(Exception):
    """Not what was sealed for this place. Why not, a caller could only misuse."""


class Wrap(NamedTuple):
    """A data key under a master key."""

    key_id: str
    nonce: bytes
    wrapped: bytes


class Sealed(NamedTuple):
    nonce: bytes
    ciphertext: bytes
    commitment: bytes
    wrap: Wrap


class Envelope:
    """Raises UnknownMasterKey where the ring lacks the key."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring

    def seal(self, value: bytes, bound: Binding) -> Sealed:
        data_key, wrap = self.new_key(bound)
        encryption_key, commitment = _split(data_key)
        nonce = secrets.token_bytes(NONCE_BYTES)
        ciphertext = AESGCM(encryption_key).encrypt(nonce, value, bound.encoded(_VALUE))
        return Sealed(nonce, ciphertext, commitment, wrap)

    def open(self, sealed: Sealed, bound: Binding) -> bytes:
        """Raises NotOpened."""
        encryption_key, commitment = _split(self.unwrap(sealed.wrap, bound))
        if not hmac.compare_digest(commitment, sealed.commitment):
            raise NotOpened
        return _decrypted(encryption_key, sealed.nonce, sealed.ciphertext, bound.encoded(_VALUE))

    def new_key(self, bound: Binding) -> tuple[bytes, Wrap]:
        """A key that was never used, and what opens to it."""
        data_key = secrets.token_bytes(KEY_BYTES)
        return data_key, _wrapped(data_key, bound, self._ring.sealing)

    def unwrap(self, wrap: Wrap, bound: Binding) -> bytes:
        """Raises NotOpened."""
        return _unwrapped(wrap, bound, self._ring.find(wrap.key_id))

    def rewrap(self, wrap: Wrap, bound: Binding, by: MasterKey) -> Wrap:
        """The same data key under another master key; opened again, to be sure of it. Raises NotOpened."""
        data_key = self.unwrap(wrap, bound)
        new = _wrapped(data_key, bound, by)
        if not hmac.compare_digest(_unwrapped(new, bound, by), data_key):
            raise NotOpened
        return new


def _split(data_key: bytes) -> tuple[bytes, bytes]:
    """The encryption key and the commitment: two halves of one HKDF output, neither of which tells the other."""
    both = HKDF(algorithm=SHA256(), length=2 * KEY_BYTES, salt=None, info=b"headgate data key 1").derive(data_key)
    return both[:KEY_BYTES], both[KEY_BYTES:]


def _wrapped(data_key: bytes, bound: Binding, master: MasterKey) -> Wrap:
    nonce = secrets.token_bytes(NONCE_BYTES)
    wrapped = AESGCM(_owner_key(master, bound)).encrypt(nonce, data_key, bound.encoded(_WRAP, master.id.encode()))
    return Wrap(master.id, nonce, wrapped)


def _unwrapped(wrap: Wrap, bound: Binding, master: MasterKey) -> bytes:
    bound_to = bound.encoded(_WRAP, master.id.encode())
    return _decrypted(_owner_key(master, bound), wrap.nonce, wrap.wrapped, bound_to)


def _owner_key(master: MasterKey, bound: Binding) -> bytes:
    return master.derived("owner's key", bound.owner.bytes)


def _decrypted(key: bytes, nonce: bytes, ciphertext: bytes, bound_to: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, bound_to)
    except (InvalidTag, ValueError):  # a nonce of another length
        raise NotOpened from None
