"""Accounts on the wire, and who is asking."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from app.domain.accounts.models import Role, TextSpeed

__all__ = ["ChangePassword", "IssuedTicket", "KeepUser", "KeptUser", "KeptUserList", "LogIn", "Me", "NewTicket",
           "PatchMe", "PatchPreferences", "Preferences", "Principal", "Refresh", "Role", "RunTicket", "SignUp",
           "TextSpeed", "TokenAnswer"]  # fmt: skip

Name = Annotated[str, Meta(max_length=200, pattern=r"^(?![\s\S]*[\x00-\x1f\x7f])")]
TimeZone = Annotated[str, Meta(max_length=64)]


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from, as its access token proved it."""

    user_id: UUID
    role: Role
    time_zone: str
    family_id: UUID | None
    """The login that the token came from; none where another issuer made it."""
    token_id: str
    proved_at: datetime | None = None
    """When an outside issuer's user last proved to it who they are, as it says."""


class RunTicket(msgspec.Struct, frozen=True):
    """The ticket that a request came with, if it came with one."""

    use_by: datetime


class NewTicket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    run_id: UUID | None = None


class IssuedTicket(msgspec.Struct, frozen=True, kw_only=True):
    ticket: str
    expires_in: int
    """Seconds for its first use."""


class SignUp(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    email: str
    password: str
    name: Name = ""
    time_zone: TimeZone = "UTC"


class LogIn(msgspec.Struct, frozen=True, kw_only=True):
    email: str
    password: str


class Refresh(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The body of `refresh` and `logout`; a browser sends its cookie instead."""

    refresh_token: str | None = None


class ChangePassword(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    current_password: str
    new_password: str


class Preferences(msgspec.Struct, frozen=True, kw_only=True):
    streaming: bool
    text_speed: TextSpeed
    effects: bool


class Me(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID
    email: str | None
    name: str
    role: Role
    time_zone: str
    preferences: Preferences
    created_at: datetime


class PatchPreferences(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    streaming: bool | UnsetType = UNSET
    text_speed: TextSpeed | UnsetType = UNSET
    effects: bool | UnsetType = UNSET


class PatchMe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: Name | UnsetType = UNSET
    time_zone: TimeZone | UnsetType = UNSET
    preferences: PatchPreferences | UnsetType = UNSET


class TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int
    refresh_token: str | UnsetType = UNSET
    """Only for clients that are no browser."""
    user: Me


class KeepUser(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an admin may change about somebody."""

    role: Role | UnsetType = UNSET
    disabled: bool | UnsetType = UNSET


class KeptUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user as an admin sees them."""

    id: UUID
    email: str | None
    """None: they come with tokens of an outside issuer."""
    name: str
    role: Role
    disabled_at: datetime | None
    created_at: datetime


class KeptUserList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[KeptUser]
    total: int
    limit: int
    offset: int
