"""What a provider's key looks like, and how much of it is shown."""

import re
from collections.abc import Mapping

import msgspec

from app.domain.secrets.errors import UnknownProvider
from app.domain.secrets.schemas import KeyMaterial
from app.lib.egress.policy import Policy
from app.lib.errors import InvalidField
from app.lib.providers.credentials import KEY_ID, REGION, ApiKey, Credential, checked_base_url
from app.lib.providers.errors import BadKey
from app.lib.providers.registry import WIRES

BEDROCK = "bedrock"
_SHORTEST = 8
_SHAPES = {
    "openai": re.compile(r"sk-[\w-]{16,}", re.ASCII),
    "openai_responses": re.compile(r"sk-[\w-]{16,}", re.ASCII),
    "anthropic": re.compile(r"sk-ant-[\w-]{16,}", re.ASCII),
}
"""At the provider's own address. Whoever speaks the same elsewhere has keys of any shape."""
_AWS_SECRET = re.compile(r"[A-Za-z0-9/+=]{40}")
_LAST = 4
_PREFIX = re.compile(r"[A-Za-z]{1,6}-(?:[a-z]{2,6}-)?")
_SERVES: Mapping[str, tuple[str, ...]] = {
    "openai": ("openai", "openai_responses"),
    "openai_responses": ("openai_responses", "openai"),
}
"""Two wires of one provider: a key for either is one for both."""


class Material(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed: all that decides where a key goes is sealed with it."""

    provider: str
    value: str | None = None
    access_key_id: str = ""
    session_token: str = ""
    region: str = ""
    base_url: str = ""

    def __repr__(self) -> str:
        return "<material>"

    def credential(self, provider: str, **more: object) -> Credential:
        """For a call of `provider`, which is this one's or another wire of it."""
        return Credential(
            provider=provider,
            api_key=ApiKey(self.value) if self.value else None,
            base_url=self.base_url,
            access_key_id=self.access_key_id,
            session_token=ApiKey(self.session_token) if self.session_token else None,
            region=self.region,
            **more,  # type: ignore[arg-type]
        )

    @property
    def masked(self) -> str:
        return " / ".join(mask(part) for part in (self.access_key_id, self.value, self.session_token) if part)


def serving(provider: str) -> tuple[str, ...]:
    """Whose keys may be used for `provider`, the best first."""
    return _SERVES.get(provider, (provider,))


def checked(provider: str, given: KeyMaterial, egress: Policy) -> Material:
    """As it is stored: trimmed, of the shape that the provider's keys have, leading where users' calls may lead.

    Raises InvalidField, UnknownProvider, BadBaseURL, EgressRefused.
    """
    if provider not in WIRES:
        raise UnknownProvider([*WIRES])
    base_url = given.base_url.strip().rstrip("/")
    if base_url:
        egress.check_url(checked_base_url(base_url))
    material = Material(
        provider=provider,
        value=_key("/value", given.value) if given.value is not None and given.value.strip() else None,
        access_key_id=given.access_key_id.strip(),
        session_token=_key("/session_token", given.session_token) if given.session_token.strip() else "",
        region=given.region.strip(),
        base_url=base_url,
    )
    if provider == "openai_compatible" and not base_url:
        raise InvalidField("/base_url", "A compatible server needs its base URL.")
    if provider == BEDROCK:
        _check_aws(material)
    else:
        for name in ("access_key_id", "session_token", "region"):
            if getattr(material, name):
                raise InvalidField(f"/{name}", "Only Bedrock has this.")
    if material.value is None and not base_url:
        raise InvalidField("/value", "A key is needed, or the base URL of a server that wants none.")
    shape = _SHAPES.get(provider)
    if not base_url and shape is not None and not shape.fullmatch(material.value or ""):
        raise InvalidField("/value", f"This is not what a key for {provider} looks like.")
    return material


def _key(pointer: str, value: str) -> str:
    try:
        key = ApiKey(value).reveal()
    except BadKey as error:
        raise InvalidField(pointer, error.detail) from None
    if len(key) < _SHORTEST:
        raise InvalidField(pointer, f"A key has at least {_SHORTEST} characters.")
    return key


def _check_aws(material: Material) -> None:
    if material.value is None:
        raise InvalidField("/value", "Bedrock needs a bearer key, or the secret of an access key.")
    if material.region and not REGION.fullmatch(material.region):
        raise InvalidField("/region", "This is not the name of an AWS region, such as eu-central-1.")
    if not material.region and (material.access_key_id or not material.base_url):
        raise InvalidField("/region", "Bedrock needs the AWS region, such as eu-central-1.")
    if not material.access_key_id:
        if material.session_token:
            raise InvalidField("/access_key_id", "A session token belongs to an access key: its id is needed.")
        return
    if not KEY_ID.fullmatch(material.access_key_id):
        raise InvalidField("/access_key_id", "An access key's id is letters and digits.")
    if not material.base_url and not _AWS_SECRET.fullmatch(material.value):
        raise InvalidField("/value", "The secret of an AWS access key has 40 characters.")


def mask(key: str) -> str:
    """Its prefix and its last four characters, and never more than a third of it."""
    shown = len(key) // 3
    last = min(_LAST, shown)
    known = _PREFIX.match(key)
    prefix = key[: min(len(known[0]) if known else _LAST, shown - last)]
    return f"{prefix}…{key[len(key) - last :]}"
