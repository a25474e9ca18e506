"""Reading JSON bodies from strangers: whatever they hold, the answer is a 4xx and no stranger's text gets further."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
from litestar import Request
from litestar.exceptions import HTTPException, SerializationException
from litestar.serialization import decode_json
from litestar.status_codes import HTTP_408_REQUEST_TIMEOUT, HTTP_415_UNSUPPORTED_MEDIA_TYPE

from app.lib.errors import AppError, ErrorKind, InvalidField

MAX_BODY = 1024 * 1024
BODY_SECONDS = 30
MAX_DEPTH = 100
"""Levels of lists and objects inside each other. Encoders and databases give up at about 1,000."""


class UnreadableBody(AppError):
    kind = ErrorKind.UNREADABLE
    code = "unreadable_body"

    def __init__(self, why: str) -> None:
        super().__init__(f"The body cannot be read: {why}.")


class JSONRequest(Request[Any, Any, Any]):
    """A request whose body comes in time, and whose JSON is checked for what the decoder lets through or dies of."""

    async def body(self) -> bytes:
        try:
            with anyio.fail_after(BODY_SECONDS):
                return await super().body()
        except TimeoutError:
            raise HTTPException(status_code=HTTP_408_REQUEST_TIMEOUT, headers={"Connection": "close"}) from None

    async def json(self) -> Any:
        if (body := await self.body()) and not _is_json(self.content_type[0]):
            raise HTTPException(status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE)
        with _readable():
            value = await super().json()
        _look_through(body, value)
        return value


def checked_json(text: bytes) -> Any:
    """What came in one message of a socket, held to the same rules as a body."""
    with _readable():
        value = decode_json(text)
    _look_through(text, value)
    return value


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except SerializationException:
        raise UnreadableBody("it is not valid JSON") from None
    except UnicodeDecodeError:
        raise UnreadableBody("it is not valid UTF-8") from None
    except RecursionError:
        raise UnreadableBody(f"it is nested more than {MAX_DEPTH} levels deep") from None


def _look_through(body: bytes, value: Any) -> None:
    # Walking a body costs time; these two counts say whether it can hold what is looked for.
    if b"\\u0000" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _check(value)


def _is_json(media_type: str) -> bool:
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def _check(value: Any) -> None:
    for pointer, depth, part in _parts(value):
        if depth > MAX_DEPTH:
            raise UnreadableBody(f"it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(part, str) and "\0" in part:
            raise InvalidField(pointer, "The character U+0000 cannot be stored")


def _parts(value: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value, and every key as a value of its object, with where it stands. Not recursive."""
    waiting: list[tuple[str, int, Any]] = [("", 0, value)]
    while waiting:
        pointer, depth, part = waiting.pop()
        yield pointer, depth, part
        if isinstance(part, dict):
            for key, item in part.items():
                yield pointer, depth, key
                waiting.append((f"{pointer}/{key}", depth + 1, item))
        elif isinstance(part, list):
            waiting.extend((f"{pointer}/{index}", depth + 1, item) for index, item in enumerate(part))
