"""Whose key a call is made with. Keys come from a vault or from the operator, never from the environment."""

import re
from collections.abc import Container
from typing import Any, NamedTuple, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from app.lib.providers.errors import BadBaseURL, BadKey, BadRegion

REGION = re.compile(r"[a-z]{2,8}(-[a-z]{2,12}){1,3}-\d{1,2}")
KEY_ID = re.compile(r"[A-Za-z0-9]{1,128}")


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


class Address(NamedTuple):
    """Where a key leads, without the key: what works or does not, whoever calls."""

    provider: str
    base_url: str = ""
    region: str = ""


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
    access_key_id: str = ""
    """Of AWS. With it, `api_key` is the secret that signs and is not sent itself."""
    session_token: ApiKey | None = None
    """Of AWS, where the two above are temporary."""
    region: str = ""
    """Of AWS."""

    @property
    def address(self) -> Address:
        return Address(self.provider, self.base_url.rstrip("/"), self.region)

    @property
    def secrets(self) -> list[str]:
        """What of it is shown to nobody."""
        keys = (self.api_key, self.session_token)
        return [key.reveal() for key in keys if key is not None] + [self.access_key_id]

    def __repr__(self) -> str:
        """Not even the address: some gateways take a key in its query."""
        return f"<credential for {self.provider}>"

    def __post_init__(self) -> None:
        # They end up in a header and in a host name.
        if self.access_key_id and not KEY_ID.fullmatch(self.access_key_id):
            raise BadKey
        if self.region and not REGION.fullmatch(self.region):
            raise BadRegion


class BedrockKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's own for Bedrock: a bearer key, or else the two halves of an access key."""

    bearer: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    session_token: str | None = None
    """With an access key that is temporary."""
    region: str = ""
    endpoint_url: str = ""

    def credential(self) -> Credential | None:
        if not (self.region or self.endpoint_url):
            return None  # the keys are there for something else
        where: dict[str, Any] = {"base_url": self.endpoint_url, "region": self.region, "lent": True}
        if self.bearer:
            return Credential(provider="bedrock", api_key=ApiKey(self.bearer), **where)
        if self.access_key_id and self.secret_access_key:
            where["session_token"] = ApiKey(self.session_token) if self.session_token else None
            key = ApiKey(self.secret_access_key)
            return Credential(provider="bedrock", api_key=key, access_key_id=self.access_key_id, **where)
        return None


def server_credentials(
    *,
    lend: Container[str] | None,
    openai_api_key: str | None = None,
    openai_base_url: str = "",
    anthropic_api_key: str | None = None,
    anthropic_base_url: str = "",
    bedrock: BedrockKeys | None = None,
) -> dict[str, Credential]:
    """The operator's own keys, as far as users may borrow them. `lend` names providers; None is all of them."""
    credentials: list[Credential] = []
    if bedrock is not None and (credential := bedrock.credential()):
        credentials.append(credential)
    for provider, value, base_url in (
        ("openai", openai_api_key, openai_base_url),
        ("openai_responses", openai_api_key, openai_base_url),
        ("anthropic", anthropic_api_key, anthropic_base_url),
    ):
        if value or base_url:
            key = ApiKey(value) if value else None
            credentials.append(Credential(provider=provider, base_url=base_url, api_key=key, lent=True))
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
