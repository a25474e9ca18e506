"""The look-out for keys sees them in every spelling, and nothing where there is none."""

from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote

import pytest

from tests.canaries import Canary, canaries, sightings

KEYS = canaries(12, "seen")


@pytest.mark.parametrize("key", KEYS, ids=lambda key: key.provider)
def test_a_key_is_seen_however_it_is_written(key: Canary) -> None:
    raw = f"Bearer {key.value}".encode()
    written = {
        "plain": raw,
        "hex": raw.hex().encode(),
        "base64": b64encode(raw),
        "after a byte": b64encode(b"." + raw),
        "after two": urlsafe_b64encode(b".." + raw),
        "url": quote(key.value, safe="").encode(),
        "cut": raw[:-4],
    }

    assert sightings(written, KEYS) == {(place, key.provider) for place in written}


def test_what_a_masked_value_shows_is_no_sighting() -> None:
    masked = {"list": b" ".join(f"{key.value[:8]}...{key.value[-4:]}".encode() for key in KEYS)}

    assert sightings(masked, KEYS) == set()
