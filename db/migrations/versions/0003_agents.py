"""The tables of `agents`."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC, JsonB
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agent",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(1000)),
        sa.Column("instructions", sa.Text(), nullable=False),
        sa.Column("model", sa.String(200)),
        sa.Column("tools", JsonB, nullable=False),
        sa.Column("handoffs", JsonB, nullable=False),
        sa.Column("settings", JsonB, nullable=False),
        sa.Column("owner_id", GUID(), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_agent_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_agent"),
    )
    op.create_index("ix_agent_owner_id", "agent", ["owner_id"])


def downgrade() -> None:
    op.drop_table("agent")
