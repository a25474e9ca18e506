"""Where the database is: one URL, read once, for every connection that is made to it."""

from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

CONNECT_SECONDS = 10.0
_DRIVERS = {"postgres": "postgresql+asyncpg", "postgresql": "postgresql+asyncpg", "sqlite": "sqlite+aiosqlite"}
_OTHER_NAMES = {"ssl": "sslmode", "database": "dbname"}
"""SQLAlchemy's names of what libpq and asyncpg call otherwise."""
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_FILES = {"sslcert", "sslcrl", "sslkey", "sslrootcert"}
_LISTS = {"host", "port"}
_OPTIONS = (
    _FILES
    | _LISTS
    | {
        "application_name",
        "connect_timeout",
        "dbname",
        "gsslib",
        "krbsrvname",
        "options",
        "passfile",
        "password",
        "ssl_max_protocol_version",
        "ssl_min_protocol_version",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "target_session_attrs",
        "user",
    }
)
"""What libpq has and asyncpg understands. asyncpg takes any other name for a parameter of the server."""


class BadDatabaseUrl(ValueError):
    """The text names what is wrong and holds no value: there may be a password in it."""


def read_url(text: str) -> URL:
    """The URL in the form that SQLAlchemy takes, its options checked. Raises BadDatabaseUrl."""
    scheme, separator, rest = text.partition("://")
    driver = _DRIVERS.get(scheme, scheme)
    if not separator or driver not in _DRIVERS.values():
        raise BadDatabaseUrl("must start with postgresql:// or sqlite:///")
    try:
        url = make_url(f"{driver}://{rest}")
    except (ArgumentError, ValueError):
        raise BadDatabaseUrl("is not a URL; write special characters in the password as %40 and the like") from None
    if url.get_backend_name() == "sqlite":
        _check_file(url)
    else:
        connect_arguments(url)
    return url


def connect_arguments(url: URL) -> dict[str, Any]:
    """What `asyncpg.connect` wants to know for a PostgreSQL URL. Raises BadDatabaseUrl."""
    # Else the rest of a password would be taken for a name, which errors show.
    if "@" in f"{url.host}{url.database}":
        raise BadDatabaseUrl("has one @ too many; write those in the user, password or database as %40")
    options = _options(url)
    mode = options.get("sslmode", "prefer")
    if mode not in _SSL_MODES:
        raise BadDatabaseUrl(f"sslmode must be one of {', '.join(_SSL_MODES)}")
    for name in _FILES & options.keys():
        if not Path(options[name]).is_file():
            raise BadDatabaseUrl(f"{name} names no file")
    return {
        "timeout": _seconds(options.pop("connect_timeout", None)),
        "server_settings": {"application_name": options.pop("application_name", "headgate")},
        "dsn": url.set(drivername="postgresql", query=options).render_as_string(hide_password=False),
    }


def _options(url: URL) -> dict[str, str]:
    options: dict[str, str] = {}
    for given, value in url.query.items():
        name = _OTHER_NAMES.get(given, given)
        if name not in _OPTIONS:
            raise BadDatabaseUrl(f"{given[:40]!r} is not an option of a database URL")
        if name in options or not (isinstance(value, str) or name in _LISTS):
            raise BadDatabaseUrl(f"{name} is given twice")
        options[name] = value if isinstance(value, str) else ",".join(value)
    return options


def _seconds(text: str | None) -> float:
    try:
        seconds = CONNECT_SECONDS if text is None else float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 600:  # noqa: PLR2004 - ten minutes
        raise BadDatabaseUrl("connect_timeout must be seconds, above 0 and at most 600")
    return seconds


def _check_file(url: URL) -> None:
    for name in url.query:
        raise BadDatabaseUrl(f"{name[:40]!r} is not an option of an SQLite URL, which has none")
    if not url.database or url.database == ":memory:":
        raise BadDatabaseUrl("must name a file, as sqlite:////var/lib/headgate/headgate.db does")
