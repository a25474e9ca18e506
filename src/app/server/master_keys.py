"""Where the master keys lie: in the environment, in a file that the operator names, or in the data folder."""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.lib.crypto.ring import KEY_BYTES, SALT_BYTES, BadMasterKey, MasterKey, Ring, has_passphrase, read_master_keys
from app.server.settings import Refused, Settings

FILE_MODE = 0o600
MASTER_KEY_NAME = "master.key"
SALT_NAME = "master.salt"


class MasterKeys:
    """A key a line, the newest last."""

    def __init__(self, settings: Settings) -> None:
        self._given = settings.master_key.get_secret_value() if settings.master_key else None
        self._salt = settings.data_dir / SALT_NAME
        self.path = None if self._given is not None else settings.master_key_file or settings.data_dir / MASTER_KEY_NAME
        self.is_ours = self._given is None and settings.master_key_file is None
        """The file is one that the server makes itself."""

    @property
    def name(self) -> str:
        return str(self.path or "HEADGATE_MASTER_KEY")

    def ring(self) -> Ring:
        """Sealed where there is no key to be read; later it looks again."""
        return Ring(self._found)

    def load(self) -> list[MasterKey]:
        """Raises OSError, or Refused for what is no key."""
        text = self._text()
        try:
            return read_master_keys(text, self._salt.read_bytes() if self._salt.exists() else None)
        except BadMasterKey as error:
            raise Refused(f"{self.name} is not a master key: it {error}.") from None

    def _found(self) -> list[MasterKey]:
        with suppress(OSError, Refused):
            return self.load()
        return []

    def needs_salt(self) -> bool:
        """Raises OSError."""
        return has_passphrase(self._text()) and not self._salt.exists()

    def make_salt(self) -> None:
        keep_new(self._salt, secrets.token_bytes(SALT_BYTES))

    def make(self) -> None:
        """The first key of an instance."""
        if self.path is not None:
            keep_new(self.path, _new_line())

    def add(self) -> MasterKey:
        """A new key after the others. It is told to nobody."""
        lines = self._lines()
        self._replace([*lines, _new_line().decode().strip()])
        return self.load()[-1]

    def drop(self, key_id: str) -> None:
        """For good. Without it what it has wrapped is lost."""
        salt = self._salt.read_bytes() if self._salt.exists() else None
        self._replace([line for line in self._lines() if not _is(line, key_id, salt)])

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else changes the file meanwhile. Raises Refused."""
        if self.path is None:
            yield
            return
        try:
            lock = os.open(self._lock_name(self.path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        except OSError:
            yield  # of a folder that cannot be written only its owner changes the file
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError:
            raise Refused("Another rotation of the master key is going on.") from None
        finally:
            os.close(lock)

    @staticmethod
    def _lock_name(path: Path) -> Path:
        return path.with_name(f".{path.name}.lock")

    def _text(self) -> str:
        if self._given is not None:
            # A variable has no lines; a comma stands for their ends, except in a passphrase.
            return self._given if has_passphrase(self._given) else self._given.replace(",", "\n")
        assert self.path is not None  # noqa: S101 - one of both is set
        try:
            return self.path.read_text("utf-8")
        except UnicodeDecodeError:
            raise Refused(f"{self.name} is not a master key: it must be text.") from None

    def _lines(self) -> list[str]:
        if self.path is None:
            raise Refused("HEADGATE_MASTER_KEY holds the master key: change it there, the newest key last.")
        return self._text().splitlines()

    def _replace(self, lines: list[str]) -> None:
        """The whole file at once: a reader finds the old one or the new one."""
        assert self.path is not None  # noqa: S101 - `_lines` has seen to it
        path = self.path.resolve()
        try:
            draft = _draft(path, "".join(f"{line}\n" for line in lines).encode())
            draft.replace(path)
            _sync_folder(path)
        except OSError as error:
            raise Refused(f"{path} cannot be written ({error.strerror}): change it by hand.") from None


def keep_new(path: Path, content: bytes) -> None:
    """Write a new file, unless another process was first: then theirs is the one.

    It appears whole or not at all, and is never readable by others.
    """
    draft = _draft(path, content)
    try:
        os.link(draft, path)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    _sync_folder(path)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        draft.unlink()
        raise
    return draft


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _new_line() -> bytes:
    return base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n"


def _is(line: str, key_id: str, salt: bytes | None) -> bool:
    try:
        return read_master_keys(line, salt)[0].id == key_id
    except BadMasterKey:
        return False  # a comment, or empty
