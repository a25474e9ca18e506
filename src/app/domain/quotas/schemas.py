"""Limits, usage and calls of providers: on the wire, and between this domain and runs."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from app.lib.providers.model import TokenUsage

Outcome = Literal["completed", "failed", "cancelled", "interrupted"]
"""`interrupted`: a pause, the end of the process, or its death cut it off."""
GroupBy = Literal["day", "model", "agent", "secret"]
Cost = Annotated[str, Meta(pattern=r"^[0-9]{1,6}(\.[0-9]{1,12})?\Z")]
_Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
_Large = Annotated[int, Meta(ge=0, le=1_000_000_000_000_000)]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may consume; None is no limit. Costs are in 10⁻¹² US dollars."""

    rate_limit_per_minute: int
    concurrent_runs: int
    monthly_requests: int
    monthly_tokens: int | None = None
    monthly_cost: int | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the quotas of a user and their role say of the limits, and what open calls have reserved."""

    rate_limit_per_minute: int | None
    concurrent_runs: int | None
    monthly_requests: int | None
    monthly_tokens: int | None
    monthly_cost: int | None
    reserved_tokens: int
    reserved_cost: int
    active_runs: int
    """0 where nobody asked."""

    def over(self, defaults: Limits) -> Limits:
        """With the defaults where it says nothing."""
        names = Limits.__struct_fields__
        said = {name: getattr(self, name) for name in names}
        return Limits(**{name: getattr(defaults, name) if said[name] is None else said[name] for name in names})


class Used(msgspec.Struct, frozen=True, kw_only=True):
    """Of a user's month."""

    requests: int = 0
    calls: int = 0
    tokens: int = 0
    cost: int = 0
    unpriced: int = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What a user has left, after a start that was admitted or refused."""

    rate_limit: int
    rate_remaining: int | None
    """None where it cannot be counted."""
    rate_reset: int
    concurrent_limit: int
    concurrent_remaining: int
    requests_limit: int
    requests_remaining: int
    requests_reset: int
    month_seconds: int


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One request to a provider, as it is about to be made. The first five name it."""

    run_id: UUID
    attempt: int
    scope: str
    turn: int
    number: int
    user_id: UUID
    session_key: str
    agent: str
    model: str
    """`provider/model`."""
    secret_id: UUID | None = None
    """Without one the key is lent, and its cost counts."""
    input_tokens: int
    """As far as anyone can tell beforehand."""
    max_output_tokens: int | None = None
    began_at: datetime


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """A call that is over."""

    call: Call
    usage: TokenUsage
    outcome: Outcome
    error: str | None = None
    """Of a failed one its kind, where anyone has seen it."""
    duration_ms: int | None = None
    first_token_ms: int | None = None


class QuotaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What a user has used of the calendar month, in UTC, and of what they may do at once. A limit of null is none."""

    requests_used: int
    requests_limit: int
    requests_remaining: int
    tokens_used: int
    tokens_reserved: int
    """For calls that are going on."""
    tokens_limit: int | None
    tokens_remaining: int | None
    cost_usd_used: str
    """Of calls with lent keys, as far as prices are known. Decimal text, like all costs."""
    cost_usd_reserved: str
    cost_usd_limit: str | None
    cost_usd_remaining: str | None
    unpriced_calls: int
    """Calls with lent keys whose cost nobody knows."""
    provider_calls: int
    concurrent_runs_used: int
    concurrent_runs_limit: int
    concurrent_runs_remaining: int
    rate_limit_per_minute: int
    rate_limit_remaining: int | None
    """Starts that are possible now; null where they cannot be counted."""
    reset_date: datetime


class UsageGroup(msgspec.Struct, frozen=True, kw_only=True):
    key: str | None
    """The day, model, agent or the secret's id; null for lent keys."""
    runs: int
    """That have called a provider."""
    provider_calls: int
    input_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cached_tokens: int
    cost_usd: str
    """Of calls with lent keys."""
    own_key_cost_usd: str
    unpriced_calls: int


class UsageHistory(msgspec.Struct, frozen=True, kw_only=True):
    items: list[UsageGroup]
    total: int
    limit: int
    offset: int


class SecretDay(msgspec.Struct, frozen=True, kw_only=True):
    """What one of the user's own keys was used for on a day, in UTC."""

    day: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: str | None
    """Null where the price of a part is not known."""
    errors: int


class SecretUsage(msgspec.Struct, frozen=True, kw_only=True):
    """The days on which the key was used, the newest first, and its last failure of a known kind."""

    days: list[SecretDay]
    total: int
    last_error: str | None
    last_error_at: datetime | None


class UserUsage(msgspec.Struct, frozen=True, kw_only=True):
    user_id: UUID
    email: str | None
    requests: int
    provider_calls: int
    tokens: int
    cost_usd: str
    unpriced_calls: int


class UserUsageList(msgspec.Struct, frozen=True, kw_only=True):
    month: str
    items: list[UserUsage]
    total: int
    limit: int
    offset: int


class SetQuota(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out or null is left to the role's quota, or the settings. 0 allows nothing."""

    rate_limit_per_minute: _Count | None = None
    concurrent_runs: _Count | None = None
    monthly_requests: _Large | None = None
    monthly_tokens: _Large | None = None
    monthly_cost_usd: Cost | None = None


class QuotaView(SetQuota, frozen=True, kw_only=True):
    user_id: UUID | None
    """Whose it is; null for a role's."""
    role: str | None
    updated_at: datetime


class QuotaList(msgspec.Struct, frozen=True, kw_only=True):
    items: list[QuotaView]
    total: int
    limit: int
    offset: int
