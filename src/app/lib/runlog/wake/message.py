"""What nodes tell each other. Only hints: whoever hears one looks in the database, so a forged one costs a look."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import batched
from typing import Annotated
from uuid import UUID

import msgspec

MOST_BYTES = 7900
"""A notification of PostgreSQL is shorter than 8000 bytes."""
_RUNS = 150
"""In one message: a run takes 40 bytes."""


class Subject(StrEnum):
    """What is said of a run, or of a user."""

    FOLLOWED = "followed"
    """Readers of the speaker follow it: its writer is to tell when it grows."""
    STORED = "stored"
    """Its log has grown or ended."""
    ASKED = "asked"
    """Somebody asked something of it: its owner is to look at its control."""
    FREED = "freed"
    """Whoever has room may claim it."""
    PRESENT = "present"
    """A user has a socket at the speaker's: others are to tell which of their runs begin and end."""
    CHANGED = "changed"
    """It has begun or ended."""


class Message(msgspec.Struct, frozen=True):
    node: Annotated[str, msgspec.Meta(max_length=64)]
    """Who speaks, so that nobody listens to themselves."""
    said: dict[str, list[UUID]]
    """By subject; those that a newer version invents are passed over."""


class Malformed(Exception):
    """Not a message of ours."""


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Message)


def encode(node: str, said: Iterable[tuple[Subject, UUID]]) -> Iterator[bytes]:
    """As few messages as hold it all."""
    for some in batched(said, _RUNS):
        by_subject: dict[str, list[UUID]] = {}
        for subject, run_id in some:
            by_subject.setdefault(subject, []).append(run_id)
        yield _encoder.encode(Message(node, by_subject))


def decode(data: bytes) -> Message:
    """Raises Malformed: who can write to the channel is not necessarily one of us."""
    if len(data) > MOST_BYTES:
        raise Malformed
    try:
        return _decoder.decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise Malformed from None
