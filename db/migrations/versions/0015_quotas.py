"""Quotas, usage, and the ledger of calls."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ACTIVE = sa.text("state IN ('queued', 'running', 'paused', 'waiting')")
OWN_KEY = sa.text("secret_id IS NOT NULL")
IMMUTABLE = "the ledger is immutable"


def upgrade() -> None:
    op.create_table(
        "quota",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("user_id", GUID(length=16)),
        sa.Column("role", sa.String(16)),
        sa.Column("rate_limit_per_minute", sa.Integer()),
        sa.Column("concurrent_runs", sa.Integer()),
        sa.Column("monthly_requests", sa.BigInteger()),
        sa.Column("monthly_tokens", sa.BigInteger()),
        sa.Column("monthly_cost", sa.BigInteger()),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quota"),
        sa.UniqueConstraint("user_id", name="uq_quota_user_id"),
        sa.UniqueConstraint("role", name="uq_quota_role"),
        sa.CheckConstraint("(user_id IS NULL) <> (role IS NULL)", name="ck_quota_user_or_role"),
        _user("quota"),
    )
    op.create_table(
        "usage_month",
        sa.Column("user_id", GUID(length=16), nullable=False),
        sa.Column("month", sa.String(7), nullable=False),
        *(
            sa.Column(name, sa.BigInteger(), nullable=False)
            for name in ("requests", "calls", "tokens", "cost", "unpriced")
        ),
        sa.PrimaryKeyConstraint("user_id", "month", name="pk_usage_month"),
        _user("usage_month"),
    )
    op.create_table(
        "rate_window",
        sa.Column("user_id", GUID(length=16), nullable=False),
        sa.Column("times", sa.JSON().with_variant(postgresql.ARRAY(sa.Double()), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("user_id", name="pk_rate_window"),
        _user("rate_window"),
    )
    op.create_table(
        "open_call",
        *_call(),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "attempt", "scope", "turn", "number", name="pk_open_call"),
        _user("open_call"),
    )
    op.create_index("ix_open_call_user", "open_call", ["user_id"])
    op.create_table(
        "ledger",
        sa.Column("id", GUID(length=16), nullable=False),
        *_call(),
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reasoning_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cached_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger()),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("error", sa.String(32)),
        sa.Column("duration_ms", sa.BigInteger()),
        sa.Column("first_token_ms", sa.BigInteger()),
        sa.Column("day", sa.String(10), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger"),
        sa.UniqueConstraint("run_id", "attempt", "scope", "turn", "number", name="uq_ledger_call"),
    )
    op.create_index("ix_ledger_user_day", "ledger", ["user_id", "day"])
    op.create_index("ix_ledger_day", "ledger", ["day"])
    op.create_index(
        "ix_ledger_secret_day", "ledger", ["secret_id", "day"], sqlite_where=OWN_KEY, postgresql_where=OWN_KEY
    )
    op.create_index("ix_run_owner_active", "run", ["owner_id"], sqlite_where=ACTIVE, postgresql_where=ACTIVE)
    _protect()


def downgrade() -> None:
    op.drop_index("ix_run_owner_active", "run")
    for table in ("ledger", "open_call", "rate_window", "usage_month", "quota"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_is_immutable()")


def _protect() -> None:
    """Rows of the ledger are neither changed nor deleted, whatever a program does."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE FUNCTION ledger_is_immutable() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION '{IMMUTABLE}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER ledger_is_immutable BEFORE UPDATE OR DELETE ON ledger"
            " FOR EACH ROW EXECUTE FUNCTION ledger_is_immutable()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER ledger_no_{event.lower()} BEFORE {event} ON ledger"
            f" BEGIN SELECT RAISE(ABORT, '{IMMUTABLE}'); END"
        )


def _call() -> list[sa.Column]:
    return [
        sa.Column("run_id", GUID(length=16), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("user_id", GUID(length=16), nullable=False),
        sa.Column("session_key", sa.String(128), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("secret_id", GUID(length=16)),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("began_at", DateTimeUTC(timezone=True), nullable=False),
    ]


def _user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["user_id"], ["user_account.id"], name=f"fk_{table}_user_id_user_account", ondelete="CASCADE"
    )
