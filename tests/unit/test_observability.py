"""No credential in what is logged or shown."""

import io
import json
import logging
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
import structlog

from app.lib.observability.logs import configure_logging
from app.lib.observability.redaction import REDACTED, _names_a_secret, names_a_secret, redact, without_value
from app.server.edge import shown

KEY = "sk-live-1234567890"


class Colour(Enum):
    RED = "red"


class Dog(msgspec.Struct, tag="dog"):
    pass


class Cat(msgspec.Struct, tag="cat"):
    pass


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


@pytest.mark.parametrize(
    "raw",
    [
        f'{{"user": {{"password": "{KEY}"',
        f'{{"api_key": "{KEY}", "kept": 1',
        f"{{'api-key': '{KEY}', 'kept': 1}}",
        f"{{password: {KEY}, kept: 1}}",
        f"client_secret={KEY}&kept=1",
        f'{{\\"accessToken\\": \\"{KEY}\\"',
        f"Authorization: Bearer {KEY}\nkept",
        f'{{"secret": {{"deep": ["{KEY}"]',
        f'{{"password": "with a \\" quote {KEY}"',
    ],
)
def test_credentials_are_hidden_in_what_was_to_be_json(raw: str) -> None:
    shown = redact({"raw": raw})["raw"]

    assert KEY not in shown
    assert REDACTED in shown
    assert ("kept" in raw) == ("kept" in shown)


def test_what_was_to_be_json_is_left_alone_where_nothing_says_credential() -> None:
    raw = '{"title": "the token, please", "max_tokens": 5, "url": "http://x"'

    assert redact({"raw": raw}) == {"raw": raw}
    assert redact({"title": f"password: {KEY}"}) == {"title": f"password: {KEY}"}


def test_a_long_unreadable_text_is_looked_through_in_no_time() -> None:
    for piece in ("a", "password", 'password: "', "\\", "[", "a:", "password=\\"):
        redact({"raw": piece * (200_000 // len(piece))})


def test_a_name_that_a_model_made_up_is_judged_but_not_remembered() -> None:
    assert names_a_secret("x" * 100_000 + "_password")
    assert not names_a_secret("x" * 100_000)
    before = _names_a_secret.cache_info().currsize
    names_a_secret("y" * 100_000)
    assert _names_a_secret.cache_info().currsize == before


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Literal["a"], KEY),
        (Colour, KEY),
        (Dog | Cat, {"type": KEY}),
        (int, KEY),
        (float, KEY),
        (bool, KEY),
        (None, KEY),
        (datetime, KEY),
        (date, KEY),
        (time, KEY),
        (timedelta, KEY),
        (UUID, KEY),
        (Decimal, KEY),
        (bytes, KEY + "!"),
        (list[int], KEY),
        (dict[str, int], {KEY: KEY}),
        (Annotated[str, msgspec.Meta(pattern="^a$")], KEY),
        (Annotated[str, msgspec.Meta(max_length=1)], KEY),
        (Annotated[str, msgspec.Meta(min_length=100)], KEY),
        (Literal["a"], f"{KEY} - at `$.{KEY}`"),
        (Literal["a"], f"line\n{KEY}"),
        (Literal[1], 5),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
def test_what_is_said_of_a_bad_value_does_not_repeat_it(kind: Any, given: Any, *, strict: bool) -> None:
    for shape, value, path in ((kind, given, ""), (dict[str, list[kind]], {"x": [given]}, "[...][0]")):
        with pytest.raises(msgspec.ValidationError) as refused:
            msgspec.convert(value, shape, strict=strict)
        said = without_value(str(refused.value))
        assert KEY not in said
        assert said.startswith(("Invalid", "Expected", "Object"))
        assert path in said


def test_a_known_credential_is_hidden_wherever_it_appears() -> None:
    assert redact({"text": f"key={KEY}!", KEY: [KEY]}, also=[KEY]) == {
        "text": f"key={REDACTED}!",
        REDACTED: [REDACTED],
    }


def test_long_strings_are_cut_and_marked() -> None:
    assert redact(["x" * 6, "x" * 5], longest=5) == ["xxxxx... [truncated]", "xxxxx"]


@pytest.fixture
def logged() -> io.StringIO:
    stream = io.StringIO()
    configure_logging("INFO", stream=stream)
    return stream


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


def test_a_ticket_in_an_address_is_masked_wherever_it_is_told(logged: io.StringIO) -> None:
    address = "/api/ws?ticket=hgk_abc-DEF_123&after=1"

    structlog.get_logger("app").warning("saw", path=address)
    logging.getLogger("some.library").error('%s - "WebSocket %s" [accepted]', "1.2.3.4:5", address)
    try:
        int(address)
    except ValueError:
        structlog.get_logger("app").exception("failed")

    told = logged.getvalue()
    assert "hgk_" not in told
    assert told.count("ticket=***&after=1") >= 3


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/secrets", "/api/secrets"),
        ("/api/secrets/verify", "/api/secrets/verify"),
        ("/api/secrets/01a1fee8-bdb6-7368-83f4-641d6a3b5d13/versions/12/restore", None),
        ("/api/admin/secrets/policies/openai_responses", None),
        ("/api/secrets/sk-ant-api03-Q0/reveal", "/api/secrets/***/reveal"),
        ("/api/admin/secrets/AKIA0123", "/api/admin/secrets/***"),
        ("/api/secrets/sk-1/with/Slashes+", "/api/secrets/***/with/***"),
        ("/api/v1/chat/stream", None),
        ("/.well-known/agent-card.json", None),
        ("/api/sessions/01a1fee8-bdb6-7368-83f4-641d6a3b5d13/history", None),
        ("/api/sessions/sk-proj-Q0/history", "/api/sessions/***/history"),
        ("/sk-ant-api03-Q0", "/***"),
    ],
)
def test_a_key_in_the_place_of_an_id_is_not_logged(path: str, told: str | None) -> None:
    assert shown(path) == (told or path)
