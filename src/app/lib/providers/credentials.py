"""Whose key a call is made with. Keys come from a vault or from the operator, never from the environment."""

from collections.abc import Container
from typing import NoReturn
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.lib.providers.errors import BadBaseURL, BadKey


class ApiKey:
    """A key that no log, traceback or encoder can show by accident."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        value = value.strip()
        if not value or not value.isascii() or not value.isprintable() or " " in value:
            raise BadKey
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the header of a request."""
        return self._value

    def __repr__(self) -> str:
        return "<api key>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key does not leave the process.")


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    base_url: str = ""
    """Empty: the provider's own."""
    api_key: ApiKey | None = None
    """None is allowed only with a base URL: servers in one's own house often want no key."""
    lent: bool = False
    """The operator's key, used by somebody who borrows it."""
    secret_id: UUID | None = None
    """Which of the user's secrets it was opened from."""


def server_credentials(
    *, openai_api_key: str | None, openai_base_url: str, lend: Container[str] | None
) -> dict[str, Credential]:
    """The operator's own keys, as far as users may borrow them. `lend` names providers; None is all of them."""
    credentials: list[Credential] = []
    if openai_api_key or openai_base_url:
        key = ApiKey(openai_api_key) if openai_api_key else None
        credentials.append(Credential(provider="openai", base_url=openai_base_url, api_key=key, lent=True))
    return {each.provider: each for each in credentials if lend is None or each.provider in lend}


def url_under(base_url: str, path: str) -> str:
    """A path under a base URL. A query stays behind it (some gateways carry an API version there)."""
    parts = urlsplit(checked_base_url(base_url))
    return parts._replace(path=f"{parts.path.rstrip('/')}/{path}").geturl()


def checked_base_url(base_url: str) -> str:
    try:
        parts = urlsplit(base_url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise BadBaseURL from None
    # A user name or password in it would be sent beside the key, and end up in logs.
    if not sound or parts.username is not None or parts.password is not None or parts.fragment:
        raise BadBaseURL
    return base_url
