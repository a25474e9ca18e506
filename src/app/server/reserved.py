"""Settings that are accepted already and have no effect yet: the start says so of those that are set."""

RESERVED = frozenset(
    {
        "max_concurrent_runs",
        "rate_limit_per_minute",
        "monthly_tokens",
        "monthly_cost_usd",
        "rate_limit_fail",
        "quota_fail",
        "rate_limit_headers",
        "a2a_conformance",
    }
)
