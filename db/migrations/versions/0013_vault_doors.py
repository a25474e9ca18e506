"""When a login's user last gave the password again."""

import sqlalchemy as sa
from advanced_alchemy.types import DateTimeUTC
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("token_family") as family:
        family.add_column(sa.Column("proved_at", DateTimeUTC(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("token_family") as family:
        family.drop_column("proved_at")
