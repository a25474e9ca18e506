"""How a user stands, in the fields of draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy` and `RateLimit`."""

from app.domain.quotas.schemas import Standing
from app.lib.resilience.windows.window import WINDOW_SECONDS


def rate_limit_headers(standing: Standing | None) -> dict[str, str]:
    """Empty where nothing is told. A calendar month's window is as long as this month."""
    if standing is None:
        return {}
    policies = [
        f'"rate";q={standing.rate_limit};w={WINDOW_SECONDS}',
        f'"concurrency";q={standing.concurrent_limit};qu="concurrent-requests"',
        f'"requests";q={standing.requests_limit};w={standing.month_seconds}',
    ]
    left = [
        f'"concurrency";r={standing.concurrent_remaining}',
        f'"requests";r={standing.requests_remaining};t={standing.requests_reset}',
    ]
    if standing.rate_remaining is not None:
        left.insert(0, f'"rate";r={standing.rate_remaining};t={standing.rate_reset}')
    return {"RateLimit-Policy": ", ".join(policies), "RateLimit": ", ".join(left)}
