"""The tables of `sessions`."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "session",
        sa.Column("id", GUID(), nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("title", sa.String(100)),
        sa.Column("last_active_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("owner_id", GUID(), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_session_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_session"),
        sa.UniqueConstraint("owner_id", "key", name="uq_session_owner_id_key"),
    )
    op.create_index("ix_session_owner_id", "session", ["owner_id"])
    op.create_index("ix_session_owner_id_last_active_at", "session", ["owner_id", "last_active_at"])
    op.create_table(
        "session_item",
        sa.Column("session_id", GUID(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("run_id", GUID()),
        sa.Column("replaced_by", GUID()),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["session.id"], name="fk_session_item_session_id_session", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("session_id", "seq", name="pk_session_item"),
    )


def downgrade() -> None:
    op.drop_table("session_item")
    op.drop_table("session")
