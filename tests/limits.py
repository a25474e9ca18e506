"""Limits of users in tests that are about something else."""

UNLIMITED = {"max_concurrent_runs": 100_000, "rate_limit_per_minute": 100_000, "monthly_requests": 100_000}
"""What one user's settings must be to do the work of many."""
