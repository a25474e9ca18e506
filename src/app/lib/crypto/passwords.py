"""Passwords: hashed with argon2id away from the event loop, and never one that everybody tries first."""

import secrets
import unicodedata
from base64 import b64encode
from functools import cache
from importlib import resources
from itertools import pairwise

import anyio
from anyio.to_thread import run_sync
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

MIN_LENGTH = 8
MAX_LENGTH = 256
_MAX_REPEATED = 4
_AT_ONCE = 4
"""Hashes at a time: each holds its memory and a thread while it lasts."""


def default_hasher() -> PasswordHasher:
    """OWASP's first choice for argon2id: 19 MiB, two passes, one lane."""
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


class Passwords:
    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or default_hasher()
        self._nobody = _unmatchable(self._hasher)
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def hash(self, password: str) -> str:
        return await run_sync(self._hasher.hash, _normalised(password), limiter=self._limiter)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether `password` made `stored`. Without a hash it is as slow, and false."""
        return await run_sync(self._verify, stored or self._nobody, _normalised(password), limiter=self._limiter)

    def is_outdated(self, stored: str) -> bool:
        """Made with other parameters than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, password: bytes) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


@cache
def common_passwords() -> frozenset[str]:
    """The 11,000 most used ones of at least eight characters, as the zxcvbn project counted them in public leaks."""
    text = resources.files("app.lib.crypto").joinpath("common_passwords.txt").read_text("utf-8")
    return frozenset(text.splitlines())


def is_common(password: str) -> bool:
    """Among the first that are tried: used by many, or a pattern like `aaaaaaaa`, `23456789` or `abcdabcd`."""
    folded = unicodedata.normalize("NFKC", password).casefold()
    return folded in common_passwords() or _is_pattern(folded)


def _is_pattern(text: str) -> bool:
    repeats = any(text == (text[:length] * len(text))[: len(text)] for length in range(1, _MAX_REPEATED + 1))
    steps = {ord(after) - ord(before) for before, after in pairwise(text)}
    return repeats or steps in ({1}, {-1})


def _normalised(password: str) -> bytes:
    """The same bytes from every keyboard: `é` may arrive as one character or two."""
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def _unmatchable(hasher: PasswordHasher) -> str:
    """A hash with today's parameters that no password has: its digest is random."""
    salt, digest = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode() for size in (hasher.salt_len, hasher.hash_len)
    )
    return f"$argon2id$v=19$m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}${salt}${digest}"
