"""Master keys: the newest seals, older ones still open."""

import base64
import binascii
import hashlib
import time
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache
from typing import NoReturn

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.lib.crypto.binding import joined

KEY_BYTES = 32
SALT_BYTES = 16
PASSPHRASE = "passphrase:"  # noqa: S105 - how such a line begins
MIN_PASSPHRASE = 20
SCRYPT = {"n": 2**17, "r": 8, "p": 1, "maxmem": 2**28}
"""OWASP's first choice for scrypt (RFC 7914): 128 MiB for each guess."""
_LOOK_AGAIN_SECONDS = 1.0


class BadMasterKey(ValueError):
    """The text says what a key must be, and holds none."""


class UnknownMasterKey(Exception):
    """No key of the ring has this id, or there is none at all."""


class MasterKey:
    """32 bytes that leave this object only as keys derived from them, and the process never."""

    __slots__ = ("_key", "id")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise BadMasterKey(f"must be {KEY_BYTES} bytes in base64")
        self._key = key
        self.id = self.derived("id").hex()[:16]
        """Names the key and tells nothing of it."""

    def derived(self, purpose: str, *context: bytes) -> bytes:
        """A key of its own for each purpose and context: HKDF with SHA-256 (RFC 5869), the context in its info.

        Without a salt, as RFC 5869, section 3.1, allows for an input that is uniformly random already.
        """
        info = joined(b"headgate master key", purpose.encode(), *context)
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(self._key)

    def __repr__(self) -> str:
        return f"<master key {self.id}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A master key does not leave the process.")


class Ring:
    """What this process has of them, the newest last. Whoever holds the ring sees when it changes."""

    def __init__(self, load: Callable[[], Sequence[MasterKey]] = tuple) -> None:
        """`load` is asked again when an unknown key is met; nothing is what it says where nothing can be read."""
        self._load = load
        self._keys: dict[str, MasterKey] = {key.id: key for key in load()}
        self._sealing = next(reversed(self._keys), None)
        self._looked_at = time.monotonic()

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(self._keys)

    @property
    def is_sealed(self) -> bool:
        """Nothing can be stored, and nothing that is new to this process opened."""
        return self._sealing is None

    @property
    def sealing(self) -> MasterKey:
        """The key for what is stored now. Raises UnknownMasterKey."""
        if self._sealing is None:
            raise UnknownMasterKey
        return self._keys[self._sealing]

    def find(self, key_id: str) -> MasterKey:
        """Raises UnknownMasterKey, after it has looked whether the key has come."""
        if key_id not in self._keys and time.monotonic() - self._looked_at >= _LOOK_AGAIN_SECONDS:
            self.reload()
        try:
            return self._keys[key_id]
        except KeyError:
            raise UnknownMasterKey from None

    def has(self, key_id: str) -> bool:
        try:
            self.find(key_id)
        except UnknownMasterKey:
            return False
        return True

    def reload(self) -> None:
        """Take what is there now. A key that has just come seals nothing before `agree` says so.

        Where nothing can be read any more, the keys that are here are good.
        """
        self._looked_at = time.monotonic()
        keys = self._load()
        if keys:
            self._keys = {key.id: key for key in keys}
        if self._sealing not in self._keys:
            self._sealing = None

    def agree(self, *, living: Collection[str], retired: Collection[str], common: Collection[str]) -> None:
        """Seal with the newest key that is `common` to all nodes; where there is none, go on as before.

        A process that has none of the keys that the stored things need was given another instance's: it seals nothing.
        """
        if living and self._keys.keys().isdisjoint(living):
            self._sealing = None
            return
        fit = [key_id for key_id in self._keys if key_id in common and key_id not in retired]
        if fit:
            self._sealing = fit[-1]


def read_master_keys(text: str, salt: bytes | None) -> list[MasterKey]:
    """One key a line, the newest last: 32 bytes in base64, or `passphrase:` and words. Raises BadMasterKey."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        raise BadMasterKey(f"must hold {KEY_BYTES} bytes in base64")
    return [_key(line, salt) for line in lines]


def has_passphrase(text: str) -> bool:
    return any(line.strip().startswith(PASSPHRASE) for line in text.splitlines())


def _key(line: str, salt: bytes | None) -> MasterKey:
    if line.startswith(PASSPHRASE):
        words = line.removeprefix(PASSPHRASE).strip()
        if len(words) < MIN_PASSPHRASE:
            raise BadMasterKey(f"must have at least {MIN_PASSPHRASE} characters as a passphrase")
        if salt is None:
            raise BadMasterKey("is a passphrase whose salt is not there")
        return _stretched(words, salt)
    try:
        return MasterKey(base64.b64decode(line, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise BadMasterKey(f"must be {KEY_BYTES} bytes in base64") from None


@lru_cache(8)
def _stretched(words: str, salt: bytes) -> MasterKey:
    """Kept, since it takes a third of a second and the file is read again and again."""
    return MasterKey(hashlib.scrypt(words.encode(), salt=salt, dklen=KEY_BYTES, **SCRYPT))
