"""SQLite's one write lock, asked for often enough.

SQLite waits for it longer from try to try, up to a tenth of a second. Whoever has waited for long then finds others
there again and again that came later: a log that many write beside stood still for seconds.
"""

import sqlite3
import time
from collections.abc import Callable

from sqlalchemy.exc import OperationalError

WAIT_SECONDS = 15
TRY_MS = 8
"""SQLite's own waiting of one try: it looks after 1, 3 and 8 ms. Then we begin anew."""


def is_busy(error: BaseException | None) -> bool:
    """Whether somebody else has it, as the driver or SQLAlchemy says so."""
    if isinstance(error, OperationalError):
        error = error.orig
    code = error.sqlite_errorcode if isinstance(error, sqlite3.OperationalError) else 0
    return code & 0xFF == sqlite3.SQLITE_BUSY  # it says of what kind in the other bits


def begin_writing(begin: Callable[[], object]) -> None:
    """Call what asks for the lock, until it is there. The time-out of its connection should be `TRY_MS`."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            begin()
        except (sqlite3.OperationalError, OperationalError) as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        else:
            return
