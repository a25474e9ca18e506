"""Secrets on the wire. A value comes in, and goes out only where it is revealed."""

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.domain.secrets.models import Action
from app.lib.errors import AppError
from app.lib.providers.credentials import Address
from app.lib.providers.probing import Verdict

__all__ = ["Action", "Actor", "AuditEntry", "AuditList", "AuditVerdict", "KeepSecret", "KeptSecret", "KeptSecretList",
           "KeyMaterial", "NewSecret", "OwnKey", "PatchSecret", "Policy", "PolicyList", "Reveal", "Revealed",
           "RotateSecret", "SecretList", "SecretState", "SecretVersionView", "SecretView", "SecretWarning", "SetPolicy",
           "UsageDay", "UsageReport", "Verdict", "Verification", "VerifySecret", "VersionList"]  # fmt: skip

SecretState = Literal["active", "disabled", "expired"]
SecretWarning = Literal["expires_in_30_days", "expires_in_7_days", "expires_in_1_day"]
Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"^(?![\s\S]*[\x00-\x1f\x7f])[\s\S]*\S")]
OVERLAP_MOST = 30 * 86_400
Overlap = Annotated[int, Meta(ge=0, le=OVERLAP_MOST)]


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """Who does it, from where, in which request: what every row of the audit trail says."""

    user_id: UUID | None = None
    """None: the server itself."""
    address: str = ""
    request_id: str = ""


class KeyMaterial(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key and where it leads: they are stored and changed together only."""

    value: Annotated[str, Meta(max_length=4096)] | None = None
    """The key itself; of an AWS access key the secret half. None: a server at the base URL that wants no key."""
    access_key_id: Annotated[str, Meta(max_length=128)] = ""
    """Of AWS, with `value` as its secret."""
    session_token: Annotated[str, Meta(max_length=4096)] = ""
    """Of AWS, where the access key is a temporary one."""
    region: Annotated[str, Meta(max_length=64)] = ""
    """Of AWS."""
    base_url: Annotated[str, Meta(max_length=2048)] = ""
    """Empty: the provider's own."""

    def __repr__(self) -> str:
        return "<key material>"


class NewSecret(KeyMaterial, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name
    provider: Annotated[str, Meta(max_length=32)]
    default: bool | None = None
    """Whether runs use it that name none. Absent: when it is the first for its provider."""
    expires_at: datetime | None = None

    def __repr__(self) -> str:
        return "<new secret>"


class RotateSecret(KeyMaterial, frozen=True, kw_only=True, forbid_unknown_fields=True):
    overlap: Overlap | None = None
    """Seconds for which the old version stays valid: for runs that have begun with it, and to go back to. Absent: until
    the last run that has used it ends."""
    expires_at: datetime | UnsetType | None = UNSET
    """Of the new one. Absent: as before."""

    def __repr__(self) -> str:
        return "<new version>"


class PatchSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What can change without the key. A base URL cannot."""

    name: Name | UnsetType = UNSET
    default: bool | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET
    expires_at: datetime | UnsetType | None = UNSET


class SecretView(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    name: str
    provider: str
    masked: str
    """Its beginning and its last four characters; of a short one less."""
    base_url: str
    region: str
    default: bool
    state: SecretState
    disabled_by: Literal["owner", "admin"] | None
    version: int
    created_at: datetime
    rotated_at: datetime
    """When the current version was stored."""
    expires_at: datetime | None
    """The earlier of what its owner has set and what the provider's maximum age makes of it."""
    warnings: list[SecretWarning] = []
    """That it ends within so many days: the nearest one that is due."""
    last_used_at: datetime | None
    last_used_by: UUID | None
    """The run."""


class VerifySecret(KeyMaterial, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key that is not stored, to be checked before."""

    provider: Annotated[str, Meta(max_length=32)]

    def __repr__(self) -> str:
        return "<key to verify>"


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    answer: Verdict
    """What the provider made of the key, just now."""


class Reveal(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Annotated[str, Meta(max_length=1024)] | None = None
    """May be left out for five minutes after it was given here. Other issuers' users have none to give."""

    def __repr__(self) -> str:
        return "<reveal>"


class KeepSecret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    disabled: bool


class SetPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    max_age_days: Annotated[int, Meta(ge=1, le=3650)]


class UsageDay(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    """In UTC."""
    requests: int
    """Calls of the provider, failed ones too."""
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    """Decimal text; null where the price of a part is not known."""
    errors: int


class UsageReport(msgspec.Struct, frozen=True, kw_only=True):
    """The days on which the secret was used, the newest first."""

    items: list[UsageDay]
    total: int
    limit: int
    offset: int
    last_error: str | None
    """Its kind."""
    last_error_at: datetime | None


class OwnKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that calls of a provider are made with. It is not opened."""

    secret_id: UUID
    address: Address
    refusal: AppError | None = None
    """Why it cannot be opened now. Nobody else's is taken in its place."""


class SecretList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[SecretView]
    total: int
    limit: int
    offset: int


class SecretVersionView(msgspec.Struct, frozen=True, kw_only=True):
    version: int
    masked: str
    base_url: str
    current: bool
    created_at: datetime
    replaced_at: datetime | None
    valid_until: datetime | None
    """Of a replaced one; None: until the last run that has used it ends."""
    shredded: bool
    """Its value is gone."""


class VersionList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[SecretVersionView]
    total: int
    limit: int
    offset: int


class Revealed(msgspec.Struct, frozen=True, kw_only=True):
    value: str
    session_token: str | None
    """Of a temporary AWS key, whose secret half is the value."""
    version: int

    def __repr__(self) -> str:
        return "<revealed>"


class KeptSecret(msgspec.Struct, frozen=True, kw_only=True):
    """What an admin sees of a secret: that there is one."""

    id: UUID
    owner_id: UUID
    name: str
    provider: str
    state: SecretState
    disabled_by: Literal["owner", "admin"] | None
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class KeptSecretList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[KeptSecret]
    total: int
    limit: int
    offset: int


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    max_age_days: int
    set_by: UUID
    updated_at: datetime


class PolicyList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[Policy]
    total: int
    limit: int
    offset: int


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a trail. `mac` seals it and all before it."""

    owner_id: UUID
    seq: int
    at: datetime
    action: Action
    secret_id: UUID | None
    version: int | None
    actor_id: UUID | None
    run_id: UUID | None
    address: str
    request_id: str
    detail: str
    mac: str


class AuditList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[AuditEntry]
    total: int
    limit: int
    offset: int


class AuditVerdict(msgspec.Struct, frozen=True, kw_only=True):
    owner_id: UUID
    rows: int
    broken_at: int | None = None
    """The first row that is not as it was written; one past the last where rows are missing at the end."""
    reason: Literal["", "edited", "missing", "cut_off", "head", "sealed"] = ""
