"""Starts that may be said again."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "start_key",
        sa.Column("owner_id", GUID(), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("run_id", GUID(), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("expires_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "key", name="pk_start_key"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_start_key_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["run.id"],
            name="fk_start_key_run_id_run",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_index("ix_start_key_run_id", "start_key", ["run_id"])
    op.create_index("ix_start_key_expires_at", "start_key", ["expires_at"])


def downgrade() -> None:
    op.drop_table("start_key")
