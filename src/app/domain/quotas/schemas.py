"""Quotas on the wire."""

from datetime import datetime

import msgspec


class QuotaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A user's calendar month, in UTC."""

    requests_used: int
    requests_limit: int
    requests_remaining: int
    reset_date: datetime
