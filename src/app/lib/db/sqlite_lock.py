"""SQLite's one write lock, asked for often enough.

SQLite waits for it longer from try to try, up to a tenth of a second. Whoever has waited for long then finds others
there again and again that came later: a log that many write beside stood still for seconds.
"""

import sqlite3
import time

WAIT_SECONDS = 15
TRY_MS = 8
"""SQLite's own waiting of one try: it looks after 1, 3 and 8 ms. Then we begin anew."""


def is_busy(error: BaseException | None) -> bool:
    code = error.sqlite_errorcode if isinstance(error, sqlite3.OperationalError) else 0
    return code & 0xFF == sqlite3.SQLITE_BUSY  # it says of what kind in the other bits


def begin_writing(connection: sqlite3.Connection) -> None:
    """Waits for the lock. The connection's own time-out should be `TRY_MS`."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() > until:
                raise
        else:
            return
