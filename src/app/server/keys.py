"""The instance's own two keys: given by the operator, or made once and kept in the data folder."""

import base64
import binascii
import os
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import SecretStr

from app.lib.db.engine import Database
from app.server.settings import MIN_JWT_SECRET, Refused, Settings

KEY_BYTES = 32
FILE_MODE = 0o600
MASTER_KEY_NAME = "master.key"
JWT_SECRET_NAME = "jwt.secret"  # noqa: S105 - a file's name

Sealed = Callable[[Database], Awaitable[bool]]


async def anything_sealed(_db: Database) -> bool:
    """Whether the database holds values that only its own master key opens. The vault's tables will answer here."""
    return False


async def with_keys(settings: Settings, db: Database, *, sealed: Sealed = anything_sealed) -> Settings:
    """The settings with both keys in them. What is missing is made, where nothing can depend on an older one."""
    return settings.model_copy(
        update={
            "master_key": SecretStr(await _master_key(settings, db, sealed)),
            "jwt_secret": SecretStr(_jwt_secret(settings)),
        }
    )


def missing_keys(settings: Settings) -> list[Path]:
    """The key files that the next start would have to make."""
    wanted = []
    if settings.master_key is None and settings.master_key_file is None:
        wanted.append(settings.data_dir / MASTER_KEY_NAME)
    if settings.jwt_secret is None:
        wanted.append(settings.data_dir / JWT_SECRET_NAME)
    return [path for path in wanted if not path.exists()]


async def _master_key(settings: Settings, db: Database, sealed: Sealed) -> str:
    if settings.master_key is not None:
        return _checked_master_key(settings.master_key.get_secret_value(), "HEADGATE_MASTER_KEY")
    path = settings.master_key_file or settings.data_dir / MASTER_KEY_NAME
    if settings.master_key_file is None and not path.exists():
        if await sealed(db):
            raise Refused(
                f"The database holds secrets sealed by another master key: put it back as {path}, "
                "or set HEADGATE_MASTER_KEY."
            )
        _keep_new(path)
    return _checked_master_key(_read(path), str(path))


def _jwt_secret(settings: Settings) -> str:
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    path = settings.data_dir / JWT_SECRET_NAME
    if not path.exists():
        _keep_new(path)
    secret = _read(path)
    if len(secret) < MIN_JWT_SECRET:
        raise Refused(f"{path} is too short for a secret: it must have at least {MIN_JWT_SECRET} characters.")
    return secret


def _checked_master_key(text: str, name: str) -> str:
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Refused(f"{name} is not a master key: it must be {KEY_BYTES} bytes in base64.")
    return text.strip()


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Refused(f"{path} cannot be read.") from None


def _keep_new(path: Path) -> None:
    """Write a new key under `path`, unless another process was first: then theirs is the one.

    The file appears whole or not at all, and is never readable by others.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(base64.urlsafe_b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink()


def unsound_keys(settings: Settings) -> list[str]:
    """Why the keys that are there would stop the server, a line each."""
    path = settings.master_key_file or settings.data_dir / MASTER_KEY_NAME
    found: list[str] = []
    try:
        if settings.master_key is not None:
            _checked_master_key(settings.master_key.get_secret_value(), "HEADGATE_MASTER_KEY")
        elif path.exists():
            _checked_master_key(_read(path), str(path))
    except Refused as refused:
        found.append(str(refused))
    try:
        if settings.jwt_secret is None and (settings.data_dir / JWT_SECRET_NAME).exists():
            _jwt_secret(settings)
    except Refused as refused:
        found.append(str(refused))
    return found
