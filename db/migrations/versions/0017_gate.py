"""The gate in one visit to PostgreSQL: see decision 12."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(HOLD_USAGE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION hold_usage")


# Each statement sees what was committed before it began, as those of a volatile function do.
HOLD_USAGE = """
CREATE FUNCTION hold_usage(
    for_user uuid, for_month text, more_requests bigint, active_query text, default_starts bigint,
    OUT requests bigint, OUT calls bigint, OUT tokens bigint, OUT cost bigint, OUT unpriced bigint,
    OUT rate_limit_per_minute bigint, OUT concurrent_runs bigint,
    OUT monthly_requests bigint, OUT monthly_tokens bigint, OUT monthly_cost bigint,
    OUT reserved_tokens bigint, OUT reserved_cost bigint, OUT active_runs bigint,
    OUT taken integer, OUT leaves_at float8, OUT asked_at float8
) LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    most bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('quotas of ' || for_user::text, 0));
    INSERT INTO usage_month AS m (user_id, month, requests, calls, tokens, cost, unpriced)
        VALUES (for_user, for_month, more_requests, 0, 0, 0, 0)
        ON CONFLICT (user_id, month) DO UPDATE SET requests = m.requests + excluded.requests
        RETURNING m.requests, m.calls, m.tokens, m.cost, m.unpriced
        INTO requests, calls, tokens, cost, unpriced;
    SELECT coalesce(mine.rate_limit_per_minute, theirs.rate_limit_per_minute),
            coalesce(mine.concurrent_runs, theirs.concurrent_runs),
            coalesce(mine.monthly_requests, theirs.monthly_requests),
            coalesce(mine.monthly_tokens, theirs.monthly_tokens),
            coalesce(mine.monthly_cost, theirs.monthly_cost),
            coalesce(open.tokens, 0), coalesce(open.cost, 0)
        INTO rate_limit_per_minute, concurrent_runs, monthly_requests, monthly_tokens, monthly_cost,
            reserved_tokens, reserved_cost
        FROM (SELECT for_user AS id) AS who
        LEFT JOIN quota AS mine ON mine.user_id = who.id
        LEFT JOIN user_account ON user_account.id = who.id
        LEFT JOIN quota AS theirs ON theirs.role = user_account.role
        LEFT JOIN (
            SELECT sum(o.tokens) AS tokens, sum(o.cost) AS cost FROM open_call o WHERE o.user_id = for_user
        ) AS open ON true;
    EXECUTE active_query INTO active_runs USING for_user;
    most := coalesce(rate_limit_per_minute, default_starts);
    IF default_starts IS NOT NULL AND most > 0 THEN
        asked_at := extract(epoch FROM clock_timestamp());
        INSERT INTO rate_window AS w (user_id, times) VALUES (for_user, ARRAY[asked_at])
            ON CONFLICT (user_id) DO UPDATE
            SET times = array(SELECT t FROM unnest(w.times) t WHERE t > asked_at - 60 ORDER BY t) || asked_at
            WHERE (SELECT count(*) FROM unnest(w.times) t WHERE t > asked_at - 60) < most
            RETURNING cardinality(w.times), w.times[greatest(cardinality(w.times) - most, 0) + 1]
            INTO taken, leaves_at;
    END IF;
END $$
"""
