"""The tables of `accounts`."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "user_account",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("email", sa.String(254)),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("issuer", sa.String(512)),
        sa.Column("subject", sa.String(255)),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("time_zone", sa.String(64), nullable=False),
        sa.Column("streaming", sa.Boolean(), nullable=False),
        sa.Column("text_speed", sa.String(16), nullable=False),
        sa.Column("effects", sa.Boolean(), nullable=False),
        sa.Column("disabled_at", DateTimeUTC(timezone=True)),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_user_account"),
        sa.UniqueConstraint("email", name="uq_user_account_email"),
        sa.UniqueConstraint("issuer", "subject", name="uq_user_account_issuer"),
    )
    op.create_table(
        "token_family",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("expires_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("revoked_at", DateTimeUTC(timezone=True)),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_token_family"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_token_family_owner_id_user_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_token_family_owner_id", "token_family", ["owner_id"])
    op.create_table(
        "refresh_token",
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("family_id", GUID(length=16), nullable=False),
        sa.Column("expires_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("used_at", DateTimeUTC(timezone=True)),
        sa.PrimaryKeyConstraint("digest", name="pk_refresh_token"),
        sa.ForeignKeyConstraint(
            ["family_id"], ["token_family.id"], name="fk_refresh_token_family_id_token_family", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_refresh_token_family_id", "refresh_token", ["family_id"])
    op.create_table(
        "login_try",
        sa.Column("key", sa.String(80), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("resets_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_login_try"),
    )
    op.create_index("ix_login_try_resets_at", "login_try", ["resets_at"])


def downgrade() -> None:
    op.drop_table("login_try")
    op.drop_table("refresh_token")
    op.drop_table("token_family")
    op.drop_table("user_account")
