"""The folder that holds an instance: made at the first start, used by one server at a time."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import make_url

from app.server.settings import Refused, Settings

FOLDER_MODE = 0o700


def make_data_folder(settings: Settings) -> Path:
    folder = settings.data_dir
    try:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"The data folder {folder} cannot be made: {error.strerror}.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise Refused(f"The data folder {folder} is not writable.")
    return folder


def open_to_others(path: Path) -> bool:
    return bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


@contextmanager
def only_server(settings: Settings) -> Iterator[None]:
    """Hold an SQLite database for this process: a second server on the same file would write past the first.

    The lock goes with the process, however it ends.
    """
    path = sqlite_file(settings)
    if path is None:
        yield
        return
    try:
        descriptor = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"The folder {path.parent} cannot be used: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Refused(f"Another Headgate server is using {path}. Stop it first, or set HEADGATE_DATA_DIR.") from None
    finally:
        os.close(descriptor)


def sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.database)
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
