"""Tickets: what stands in an address instead of a token."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ticket",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("owner_id", GUID(), nullable=False),
        sa.Column("family_id", GUID(), nullable=True),
        sa.Column("run_id", GUID(), nullable=True),
        sa.Column("use_by", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("expires_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_ticket"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_ticket_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["family_id"], ["token_family.id"], name="fk_ticket_family_id_token_family", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_ticket_run_id_run", ondelete="CASCADE"),
    )
    op.create_index("ix_ticket_owner_id", "ticket", ["owner_id"])
    op.create_index("ix_ticket_family_id", "ticket", ["family_id"])
    op.create_index("ix_ticket_run_id", "ticket", ["run_id"])
    op.create_index("ix_ticket_expires_at", "ticket", ["expires_at"])


def downgrade() -> None:
    op.drop_table("ticket")
