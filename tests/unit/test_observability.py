"""No credential in what is logged or shown."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from app.lib.observability.logs import configure_logging
from app.lib.observability.redaction import REDACTED, names_a_secret, redact

KEY = "sk-live-1234567890"


@pytest.mark.parametrize(
    "name",
    ["password", "apiKey", "x-api-key", "API_KEY", "apikey", "OPENAI_API_KEY", "access_token", "accessToken",
     "Authorization", "client_secret", "passwordHash", "token2"],
)  # fmt: skip
def test_names_of_credentials_are_known(name: str) -> None:
    assert names_a_secret(name)


@pytest.mark.parametrize("name", ["max_tokens", "input_tokens", "inputTokens", "key", "author", "secretary", "monkey"])
def test_other_names_are_left_alone(name: str) -> None:
    assert not names_a_secret(name)


def test_values_are_hidden_at_any_depth() -> None:
    value = {"a": [{"b": {"api_key": KEY, "kept": 1}}], "token": {"deep": KEY}, "max_tokens": 5}

    assert redact(value) == {"a": [{"b": {"api_key": REDACTED, "kept": 1}}], "token": REDACTED, "max_tokens": 5}


def test_a_known_credential_is_hidden_wherever_it_appears() -> None:
    assert redact({"text": f"key={KEY}!", KEY: [KEY]}, also=[KEY]) == {
        "text": f"key={REDACTED}!",
        REDACTED: [REDACTED],
    }


def test_long_strings_are_cut_and_marked() -> None:
    assert redact(["x" * 6, "x" * 5], longest=5) == ["xxxxx... [truncated]", "xxxxx"]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level, config = root.handlers, root.level, structlog.get_config()
    stream = io.StringIO()
    configure_logging("INFO", stream=stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.configure(**config)


def test_our_lines_are_json_with_the_request_id_and_without_credentials(logged: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        structlog.get_logger().info("called", api_key=KEY, nested={"password": KEY}, tokens=3)

    line = json.loads(logged.getvalue())
    assert line["event"] == "called"
    assert line["request_id"] == "r-1"
    assert line["level"] == "info"
    assert line["tokens"] == 3
    assert KEY not in logged.getvalue()


def test_lines_of_libraries_have_the_same_shape(logged: io.StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-2"):
        logging.getLogger("somebody.else").warning("took %d ms", 5, extra={"token": KEY})

    line = json.loads(logged.getvalue())
    assert line["event"] == "took 5 ms"
    assert line["logger"] == "somebody.else"
    assert line["request_id"] == "r-2"
    assert KEY not in logged.getvalue()


def test_a_traceback_shows_no_local_variables(logged: io.StringIO) -> None:
    def fail(local: str) -> None:
        raise RuntimeError(len(local))

    try:
        fail(KEY)
    except RuntimeError:
        structlog.get_logger().exception("it failed")

    line = json.loads(logged.getvalue())
    assert "RuntimeError" in line["exception"]
    assert KEY not in logged.getvalue()


def test_what_the_database_driver_says_about_parameters_stays_quiet(logged: io.StringIO) -> None:
    logging.getLogger("aiosqlite").info("executing %s", KEY)
    logging.getLogger("sqlalchemy.engine").info("parameters %s", KEY)

    assert logged.getvalue() == ""
