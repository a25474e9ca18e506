"""Models that an agent asks where its own fails."""

import sqlalchemy as sa
from advanced_alchemy.types import JsonB
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("agent") as agent:
        agent.add_column(sa.Column("fallback_models", JsonB, nullable=False, server_default="[]"))
    with op.batch_alter_table("agent") as agent:
        agent.alter_column("fallback_models", server_default=None)


def downgrade() -> None:
    with op.batch_alter_table("agent") as agent:
        agent.drop_column("fallback_models")
