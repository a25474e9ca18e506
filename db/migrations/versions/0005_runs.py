"""The tables of `runs` and of their logs."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC, JsonB
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ACTIVE = sa.text("state IN ('queued', 'running', 'paused', 'waiting')")


def upgrade() -> None:
    op.create_table(
        "run",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("owner_id", GUID(), nullable=False),
        sa.Column("session_id", GUID(), nullable=False),
        sa.Column("session_key", sa.String(128), nullable=False),
        sa.Column("agent", sa.String(200), nullable=False),
        sa.Column("model", sa.String(300), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("definition", sa.LargeBinary(), nullable=False),
        sa.Column("input", sa.LargeBinary(), nullable=False),
        sa.Column("history_seq", sa.Integer(), nullable=False),
        sa.Column("time_line", sa.String(120), nullable=False),
        sa.Column("cancel_when_left", sa.Boolean(), nullable=False),
        sa.Column("replaces", GUID(), nullable=True),
        sa.Column("started_at", DateTimeUTC(timezone=True), nullable=True),
        sa.Column("ended_at", DateTimeUTC(timezone=True), nullable=True),
        sa.Column("final_message", sa.Text(), nullable=True),
        sa.Column("finish_reason", sa.String(32), nullable=True),
        sa.Column("usage", JsonB, nullable=True),
        sa.Column("error", JsonB, nullable=True),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_run"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_run_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["session_id"], ["session.id"], name="fk_run_session_id_session", ondelete="CASCADE"),
    )
    op.create_index("ix_run_owner_id", "run", ["owner_id"])
    op.create_index("ix_run_session_id", "run", ["session_id"])
    op.create_index("ix_run_owner_created", "run", ["owner_id", "created_at"])
    op.create_index(
        "ux_run_active_session", "run", ["session_id"], unique=True, sqlite_where=ACTIVE, postgresql_where=ACTIVE
    )
    op.create_table(
        "run_head",
        sa.Column("run_id", GUID(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("ended", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=True),
        sa.Column("lease_until", sa.Double(), nullable=True),
        sa.Column("control", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("run_id", name="pk_run_head"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_head_run_id_run", ondelete="CASCADE"),
    )
    op.create_table(
        "run_log",
        sa.Column("run_id", GUID(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("frames", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "last_seq", name="pk_run_log"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_log_run_id_run", ondelete="CASCADE"),
    )
    op.create_table(
        "run_step",
        sa.Column("run_id", GUID(), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("payload", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "scope", "turn", "kind", "position", name="pk_run_step"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_step_run_id_run", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("run_step")
    op.drop_table("run_log")
    op.drop_table("run_head")
    op.drop_table("run")
