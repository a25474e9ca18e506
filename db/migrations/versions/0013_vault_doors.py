"""What a secret was used for, by day; and when a login's user last gave the password again."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secret_usage",
        sa.Column("secret_id", GUID(length=16), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("last_error", sa.String(32)),
        sa.Column("last_error_at", DateTimeUTC(timezone=True)),
        sa.PrimaryKeyConstraint("secret_id", "day", name="pk_secret_usage"),
        sa.ForeignKeyConstraint(
            ["secret_id"], ["secret.id"], name="fk_secret_usage_secret_id_secret", ondelete="CASCADE"
        ),
    )
    with op.batch_alter_table("token_family") as family:
        family.add_column(sa.Column("proved_at", DateTimeUTC(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("token_family") as family:
        family.drop_column("proved_at")
    op.drop_table("secret_usage")
