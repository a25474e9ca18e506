"""Holds what was sent to the types of one of the older SDKs, whose JSON schema they are. From stdin: `[[type, data], …]`."""

import json
import sys
from importlib.metadata import version

from a2a import types

VERSION = version("a2a-sdk")


def plain(value):
    """Without nulls, which say what absence says."""
    if isinstance(value, dict):
        return {name: plain(member) for name, member in value.items() if member is not None}
    return [plain(member) for member in value] if isinstance(value, list) else value


for name, data in json.load(sys.stdin):
    parsed = getattr(types, name).model_validate(data)
    kept = parsed.model_dump(mode="json", by_alias=True, exclude_none=True)
    # A card has what other versions need as well, and this SDK knows no ids of push notification configurations.
    if name != "AgentCard" and not (VERSION == "0.2.5" and "PushNotification" in name):
        assert plain(kept) == plain(data), f"{name}: {plain(data)} was understood as {plain(kept)}"
print("fits")
