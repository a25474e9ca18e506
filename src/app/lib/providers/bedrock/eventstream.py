"""AWS's binary event stream (`application/vnd.amazon.eventstream`) from bytes that come in any pieces.

A message is: its length, the length of its headers, a checksum of these two, headers, payload, a checksum of all.
"""

import struct
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

MAX_MESSAGE = 16 * 1024 * 1024
_MAX_HEADERS = 128 * 1024
_PRELUDE = struct.Struct("!III")
_CHECKSUM = struct.Struct("!I")
_LENGTH = struct.Struct("!H")
_LEAST = _PRELUDE.size + _CHECKSUM.size
_BYTES, _STRING = 6, 7
_FIXED = {0: 0, 1: 0, 2: 1, 3: 2, 4: 4, 5: 8, 8: 8, 9: 16}
"""How long the values of the other types of headers are; none of them says anything to us."""


class Message(NamedTuple):
    headers: dict[str, str]
    payload: bytes


class BadMessage(Exception):
    """A checksum or a length is wrong: nothing behind it can be told apart any more."""


class MessageParser:
    def __init__(self) -> None:
        self._buffer = bytearray()
        self._length = 0
        """Of the message whose prelude was read; zero before."""

    @property
    def is_between_messages(self) -> bool:
        return not self._buffer

    def feed(self, data: bytes) -> tuple[list[Message], bool]:
        """The messages that `data` finished, and whether what follows them is one too."""
        buffer = self._buffer
        buffer += data
        messages: list[Message] = []
        try:
            while len(buffer) >= (self._length or self._begun()):
                messages.append(_message(bytes(buffer[: self._length])))
                del buffer[: self._length]
                self._length = 0
        except BadMessage:
            return messages, False
        return messages, True

    def _begun(self) -> int:
        """How much must be there to go on."""
        if len(self._buffer) < _PRELUDE.size:
            return _PRELUDE.size
        length: int
        length, headers, checksum = _PRELUDE.unpack_from(self._buffer)
        sound = crc32(self._buffer[: _PRELUDE.size - _CHECKSUM.size]) == checksum
        if not sound or length > MAX_MESSAGE or headers > min(_MAX_HEADERS, length - _LEAST):
            raise BadMessage
        self._length = length
        return length


def _message(whole: bytes) -> Message:
    end = len(whole) - _CHECKSUM.size
    if crc32(memoryview(whole)[:end]) != _CHECKSUM.unpack_from(whole, end)[0]:
        raise BadMessage
    start = _PRELUDE.size + _PRELUDE.unpack_from(whole)[1]
    return Message(_headers(whole[_PRELUDE.size : start]), whole[start:end])


@lru_cache(maxsize=64)
def _headers(data: bytes) -> dict[str, str]:
    """Those that hold text. There are few different ones, and each message of a stream has them."""
    headers: dict[str, str] = {}
    at = 0
    try:
        while at < len(data):
            name_end = at + 1 + data[at]
            name, kind = data[at + 1 : name_end].decode(), data[name_end]
            at = name_end + 1
            size = _FIXED.get(kind, 0)
            if kind in {_BYTES, _STRING}:
                (size,) = _LENGTH.unpack_from(data, at)
                at += _LENGTH.size
            elif kind not in _FIXED:
                raise BadMessage
            if at + size > len(data):
                raise BadMessage
            if kind == _STRING:
                headers[name] = data[at : at + size].decode()
            at += size
    except (IndexError, ValueError, struct.error) as error:
        raise BadMessage from error
    return headers
