"""The headers and bodies of requests, and parts of them."""

from typing import Any

import msgspec

from app.lib.providers.unicode import deeply_repaired


def bearer_headers(key: str) -> dict[str, str]:
    """Of a request whose answer is a stream of server-sent events. Without a key nothing stands for it."""
    headers = {
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        "User-Agent": "headgate",
    }
    return {**headers, "Authorization": f"Bearer {key}"} if key else headers


def probe_headers(key: str) -> dict[str, str]:
    """Of a request without a body, whose answer is JSON."""
    headers = bearer_headers(key) | {"Accept": "application/json"}
    del headers["Content-Type"]
    return headers


def encoded(body: Any) -> bytes:
    """As JSON. Half a character somewhere in a history, which no JSON can hold, does not stop the request."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        return msgspec.json.encode(deeply_repaired(msgspec.to_builtins(body)))
