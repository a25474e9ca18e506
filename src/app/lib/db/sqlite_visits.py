"""SQLite's driver, visited once a statement.

SQLAlchemy goes to the driver's thread for a cursor, to execute, to fetch and to close. Waking a thread is most of what
a small statement costs, and where the program is busy each visit waits for Python's lock besides: a transaction of
five statements held the database for 50 ms.
"""

from collections import deque
from collections.abc import Callable
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only


def visit_once(engine: AsyncEngine) -> None:
    """Have the engine's statements executed so."""

    @event.listens_for(engine.sync_engine, "do_execute")
    def execute(cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return _visit(cursor, lambda connection: connection.execute(statement, parameters))

    @event.listens_for(engine.sync_engine, "do_execute_no_params")
    def execute_plain(cursor: Any, statement: str, _context: Any) -> bool:
        return _visit(cursor, lambda connection: connection.execute(statement))

    @event.listens_for(engine.sync_engine, "do_executemany")
    def execute_many(cursor: Any, statement: str, parameters: Any, _context: Any) -> bool:
        return _visit(cursor, lambda connection: connection.executemany(statement, parameters))


def _visit(adapted: Any, ask: Callable[[Any], Any]) -> bool:
    """Fills SQLAlchemy's cursor as it would itself. False where it has to: a cursor whose rows come by and by."""
    if adapted.server_side:
        return False
    driver = adapted._connection  # noqa: SLF001 - neither it nor the driver has a public way to a whole answer

    def visit() -> tuple[Any, list[Any], int, int | None]:
        cursor = ask(driver._conn)  # noqa: SLF001 - as above
        try:
            rows = cursor.fetchall() if cursor.description else []
            return cursor.description, rows, cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()

    try:
        description, rows, changed, last_id = await_only(driver._execute(visit))  # noqa: SLF001 - as above
    except Exception as error:  # noqa: BLE001 - SQLAlchemy's adapter knows which it is to translate
        adapted._adapt_connection._handle_exception(error)  # noqa: SLF001 - as above
    adapted.description = description
    adapted._rows = deque(rows)  # noqa: SLF001 - as above
    adapted.rowcount, adapted.lastrowid = (-1, -1) if description else (changed, last_id)
    return True
