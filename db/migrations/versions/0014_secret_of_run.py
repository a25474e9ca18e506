"""Which of its owner's keys a run was started with."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("run", sa.Column("secret_id", GUID(), nullable=True))


def downgrade() -> None:
    op.drop_column("run", "secret_id")
