"""What settings may be: types that refuse what does not fit, in words that hold no value."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import NoDecode

from app.lib.db.address import read_url
from app.lib.egress.policy import Policy
from app.lib.providers.credentials import KEY_ID, REGION


def _comma_list(value: Any) -> Any:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _database_url(url: str) -> str:
    return read_url(url).render_as_string(hide_password=False) if url else url


def _web_url(url: str) -> str:
    parts = urlsplit(url)
    if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("must be a URL that starts with http:// or https://")
    return url.rstrip("/")


def _redis_url(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        place = {"redis": parts.hostname, "rediss": parts.hostname, "unix": parts.path}.get(parts.scheme)
        port = parts.port if parts.scheme != "unix" else None
    except ValueError:
        place = port = None
    if not place or port == 0:
        raise ValueError("must be a URL such as redis://:password@host:6379/0, rediss:// or unix:///path")
    return url


def _origins(origins: list[str]) -> list[str]:
    for origin in origins:
        if not re.fullmatch(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?", origin):
            raise ValueError("must be origins such as https://app.example.com, in lower case and without a path or *")
    return origins


def _networks(networks: list[str]) -> list[str]:
    try:
        for network in networks:
            ipaddress.ip_network(network)
    except ValueError:
        raise ValueError("must be addresses such as 10.0.0.2 or networks such as 10.0.0.0/8") from None
    return networks


def _egress(allow: list[str]) -> list[str]:
    try:
        Policy(allow)
    except ValueError:
        raise ValueError("must be hosts such as ollama.example.com, or networks such as 10.0.0.0/8") from None
    return allow


def _region(region: str) -> str:
    if region and not REGION.fullmatch(region):
        raise ValueError("must be the name of an AWS region such as eu-central-1")
    return region


def _key_id(key: SecretStr) -> SecretStr:
    if not KEY_ID.fullmatch(key.get_secret_value()):
        raise ValueError("must be letters and digits")
    return key


CommaList = Annotated[list[str], NoDecode, BeforeValidator(_comma_list)]
Origins = Annotated[CommaList, AfterValidator(_origins)]
Networks = Annotated[CommaList, AfterValidator(_networks)]
Egress = Annotated[CommaList, AfterValidator(_egress)]
Region = Annotated[str, AfterValidator(_region)]
KeyId = Annotated[SecretStr, AfterValidator(_key_id)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url), Field(repr=False)]
RedisUrl = Annotated[SecretStr, AfterValidator(_redis_url)]
WebUrl = Annotated[str, AfterValidator(_web_url)]
Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Switch = Literal["open", "closed"]


def seconds(most: float) -> FieldInfo:
    return Field(gt=0, le=most)  # type: ignore[no-any-return]
