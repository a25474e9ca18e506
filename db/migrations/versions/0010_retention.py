"""Logs that are kept for a while."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

KEPT = sa.text("ended_at IS NOT NULL AND NOT log_purged")


def upgrade() -> None:
    op.add_column("run", sa.Column("log_purged", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_index("ix_run_log_kept", "run", ["ended_at"], sqlite_where=KEPT, postgresql_where=KEPT)


def downgrade() -> None:
    op.drop_index("ix_run_log_kept", "run")
    op.drop_column("run", "log_purged")
