"""Settings that are accepted already and have no effect yet: the start says so of those that are set."""

RESERVED = frozenset(
    {
        "redis_url",
        "egress_allow",
        "stream_idle_timeout",
        "max_concurrent_runs",
        "max_active_runs",
        "max_readers",
        "log_retention",
        "pause_hold",
        "pause_limit",
        "rate_limit_per_minute",
        "monthly_tokens",
        "monthly_cost_usd",
        "rate_limit_fail",
        "quota_fail",
        "rate_limit_headers",
        "a2a_conformance",
        "anthropic_api_key",
        "anthropic_base_url",
        "aws_bearer_token_bedrock",
        "aws_access_key_id",
        "aws_secret_access_key",
        "bedrock_region",
        "bedrock_endpoint_url",
    }
)
