"""The instance's own two secrets: given by the operator, or made once and kept in the data folder."""

import base64
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import SecretStr

from app.domain.secrets.service import anything_sealed
from app.lib.db.engine import Database
from app.server.master_keys import MASTER_KEY_NAME, MasterKeys, keep_new
from app.server.settings import MIN_JWT_SECRET, Refused, Settings

JWT_SECRET_NAME = "jwt.secret"  # noqa: S105 - a file's name
_JWT_BYTES = 32

Sealed = Callable[[Database], Awaitable[bool]]


async def with_keys(
    settings: Settings, db: Database, *, warn: Callable[[str], None], sealed: Sealed = anything_sealed
) -> Settings:
    """The settings with the secret of tokens in them; the master key is left where it lies.

    What is missing is made, where nothing can depend on an older one. Without its master key the server starts all the
    same, with the vault sealed, and says so.
    """
    keys = MasterKeys(settings)
    try:
        if keys.is_ours and keys.path is not None and not keys.path.exists() and not await sealed(db):
            keys.make()
        if keys.needs_salt() and not await sealed(db):
            keys.make_salt()
        keys.load()
    except OSError as error:
        warn(f"{keys.name} cannot be read ({error.strerror}): the vault is sealed until it can.")
    return settings.model_copy(update={"jwt_secret": SecretStr(_jwt_secret(settings))})


def missing_keys(settings: Settings) -> list[Path]:
    """The key files that are not there: the next start would make them, or be sealed without them."""
    keys = MasterKeys(settings)
    wanted = [] if keys.path is None else [keys.path]
    if settings.jwt_secret is None:
        wanted.append(settings.data_dir / JWT_SECRET_NAME)
    return [path for path in wanted if not path.exists()]


def unsound_keys(settings: Settings) -> list[str]:
    """Why the keys that are there would stop the server or leave the vault sealed, a line each."""
    keys = MasterKeys(settings)
    found: list[str] = []
    try:
        if keys.path is None or keys.path.exists():
            keys.load()
    except Refused as refused:
        found.append(str(refused))
    except OSError as error:
        found.append(f"{keys.name} cannot be read ({error.strerror})")
    try:
        if settings.jwt_secret is None and (settings.data_dir / JWT_SECRET_NAME).exists():
            _jwt_secret(settings)
    except Refused as refused:
        found.append(str(refused))
    return found


def kept_keys(settings: Settings) -> list[Path]:
    """The files in the data folder that nobody else may read."""
    return [settings.data_dir / name for name in (MASTER_KEY_NAME, JWT_SECRET_NAME)]


def _jwt_secret(settings: Settings) -> str:
    if settings.jwt_secret is not None:
        return settings.jwt_secret.get_secret_value()
    path = settings.data_dir / JWT_SECRET_NAME
    if not path.exists():
        keep_new(path, base64.urlsafe_b64encode(secrets.token_bytes(_JWT_BYTES)) + b"\n")
    try:
        secret = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise Refused(f"{path} cannot be read.") from None
    if len(secret) < MIN_JWT_SECRET:
        raise Refused(f"{path} is too short for a secret: it must have at least {MIN_JWT_SECRET} characters.")
    return secret
