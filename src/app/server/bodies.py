"""Reading JSON bodies from strangers: whatever they hold, the answer is a 4xx and no stranger's text gets further."""

from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException, SerializationException
from litestar.status_codes import HTTP_415_UNSUPPORTED_MEDIA_TYPE

from app.lib.errors import AppError, ErrorKind, InvalidField

MAX_BODY = 1024 * 1024
MAX_DEPTH = 100
"""Levels of lists and objects inside each other. Encoders and databases give up at about 1,000."""


class UnreadableBody(AppError):
    kind = ErrorKind.UNREADABLE
    code = "unreadable_body"

    def __init__(self, why: str) -> None:
        super().__init__(f"The body cannot be read: {why}.")


class JSONRequest(Request[Any, Any, Any]):
    """A request whose JSON is checked for what the decoder lets through or dies of."""

    async def json(self) -> Any:
        if (body := await self.body()) and not _is_json(self.content_type[0]):
            raise HTTPException(status_code=HTTP_415_UNSUPPORTED_MEDIA_TYPE)
        try:
            value = await super().json()
        except SerializationException:
            raise UnreadableBody("it is not valid JSON") from None
        except UnicodeDecodeError:
            raise UnreadableBody("it is not valid UTF-8") from None
        except RecursionError:
            raise UnreadableBody(f"it is nested more than {MAX_DEPTH} levels deep") from None
        # Walking a body costs time; these two counts say whether it can hold what is looked for.
        if b"\\u0000" in body or body.count(b"[") + body.count(b"{") > MAX_DEPTH:
            _check(value)
        return value


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
