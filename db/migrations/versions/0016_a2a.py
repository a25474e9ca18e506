"""What a start by A2A was called there; and where A2A tells of a task by itself."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("origin", sa.LargeBinary(), nullable=True))
    op.create_table(
        "push_config",
        sa.Column("run_id", GUID(length=16), nullable=False),
        sa.Column("id", sa.String(128), nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("dialect", sa.String(8), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("told_seq", sa.Integer(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", DateTimeUTC(timezone=True), nullable=True),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", "id", name="pk_push_config"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_push_config_run_id_run", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_push_config_owner_id_user_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_push_config_due_at", "push_config", ["due_at"])
    op.create_index("ix_push_config_owner_id", "push_config", ["owner_id"])


def downgrade() -> None:
    op.drop_table("push_config")
    op.drop_column("run", "origin")
