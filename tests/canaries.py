"""Keys that must be found nowhere, and what they look like where they are found all the same."""

import random
import string
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import quote

_ALPHABET = string.ascii_letters + string.digits
_SHOWN = 8
"""How much of either end a masked value may show."""


class Canary(NamedTuple):
    provider: str
    value: str
    access_key_id: str = ""
    session_token: str = ""

    @property
    def material(self) -> dict[str, Any]:
        aws = {"region": "us-east-1"} if self.provider == "bedrock" else {}
        return {
            "value": self.value,
            "access_key_id": self.access_key_id,
            **({"session_token": self.session_token} if self.session_token else {}),
            **aws,
        }

    @property
    def cores(self) -> list[str]:
        """What no masked value shows."""
        parts = [self.value[_SHOWN:-_SHOWN], self.access_key_id[4:-4], self.session_token[_SHOWN:-_SHOWN]]
        return [part for part in parts if part]


def canaries(number: int, seed: str) -> list[Canary]:
    """Of every provider in turn, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - it shall be the same each time

    def some(length: int, alphabet: str = _ALPHABET) -> str:
        return "".join(chance.choices(alphabet, k=length))

    kinds = (
        lambda: Canary("openai", f"sk-{some(48)}"),
        lambda: Canary("openai_responses", f"sk-proj-{some(64)}"),
        lambda: Canary("openai_compatible", f"{some(24)}+/=%&\"\\'{some(24)}"),
        lambda: Canary("anthropic", f"sk-ant-api03-{some(64)}"),
        lambda: Canary("bedrock", some(40, _ALPHABET + "+/"), f"AKIA{some(16, string.ascii_uppercase)}"),
        lambda: Canary(
            "bedrock",
            some(40, _ALPHABET + "+/"),
            f"ASIA{some(16, string.ascii_uppercase)}",
            f"IQoJ{some(300, _ALPHABET + '+/')}",
        ),
        lambda: Canary("bedrock", f"ABSK{some(60, _ALPHABET + '+/=')}"),
    )
    return [kinds[each % len(kinds)]() for each in range(number)]


def spellings(text: str) -> Iterator[bytes]:
    """As it is, in hexadecimal, in a URL, in JSON, and within anything that is written in base64."""
    raw = text.encode()
    yield from (raw, raw.hex().encode(), raw.hex().upper().encode())
    yield from {quote(text, safe="").encode(), quote(text).encode()} - {raw}
    yield text.replace("\\", "\\\\").replace('"', '\\"').encode()
    for before in range(3):
        # Whole groups of three bytes look alike wherever they stand.
        whole = raw[before : before + (len(raw) - before) // 3 * 3]
        yield b64encode(whole)
        yield b64encode(whole).replace(b"+", b"-").replace(b"/", b"_")


def written(key: str) -> list[str]:
    """As somebody may write it down who has it."""
    raw = key.encode()
    coded = [b64encode(before + raw).decode() for before in (b"", b".", b"..")]
    return [key, raw.hex(), raw.hex().upper(), quote(key, safe=""), *coded, urlsafe_b64encode(raw).decode()]


def sightings(places: Mapping[str, bytes], keys: list[Canary]) -> set[tuple[str, str]]:
    """Where a key is found, and whose it is: nothing that a failing test prints is one."""
    wanted = [(key.provider, spelling) for key in keys for core in key.cores for spelling in spellings(core)]
    return {(place, provider) for place, text in places.items() for provider, spelling in wanted if spelling in text}
