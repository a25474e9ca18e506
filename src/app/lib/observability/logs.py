"""Logs: JSON lines for machines, colours on a terminal, credentials in neither."""

import logging
import re
import sys
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from app.lib.observability.redaction import REDACTED, names_a_secret, redact

# These print SQL parameters, prompts or wire bytes at DEBUG, and little of use at INFO.
_CHATTY = (
    "aiosqlite",
    "aiohttp",
    "alembic",
    "asyncio",
    "botocore",
    "httpx",
    "openai",
    "openai.agents",
    "sqlalchemy",
    "uvicorn",
)
_TICKET = re.compile(r"(\bticket=)[\w%.~-]+")
_OURS = frozenset({"event", "exc_info", "exception", "stack"})


def configure_logging(level: str, *, stream: TextIO | None = None) -> None:
    """Send everything that anyone logs, the libraries too, to one stream (standard error) in one format."""
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), hide_credentials],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            hide_credentials,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _rendering(stream: TextIO) -> list[Processor]:
    # Neither form shows the local variables of a traceback's frames: in a run they hold prompts and keys.
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback), mask_tickets]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(), mask_tickets]


def mask_tickets(_logger: WrappedLogger, _method: str, line: Any) -> str:
    """In the finished line: a library may have put an address into a message or an exception."""
    text = str(line)
    return _TICKET.sub(r"\1***", text) if "ticket=" in text else text


def hide_credentials(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if key not in _OURS and not key.startswith("_"):
            event[key] = REDACTED if names_a_secret(key) else redact(value)
    return event
