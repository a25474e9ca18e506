"""The tables of `secrets`, and what keeps their audit trail append-only."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

DEFAULT = sa.text("is_default")


def upgrade() -> None:
    _keys()
    _secrets()
    _audit()
    if op.get_bind().dialect.name == "postgresql":
        _guard_on_postgresql()
    else:
        _guard_on_sqlite()


def _keys() -> None:
    op.create_table(
        "vault_key",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("seen_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("retired_at", DateTimeUTC(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_vault_key"),
    )
    op.create_table(
        "vault_node",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("keys", sa.String(2000), nullable=False),
        sa.Column("sealing", sa.String(16), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_vault_node"),
    )


def _secrets() -> None:
    op.create_table(
        "secret",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("disabled_by", sa.String(8)),
        sa.Column("expires_at", DateTimeUTC(timezone=True)),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secret"),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_secret_owner_id_user_account", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_secret_owner_id", "secret", ["owner_id"])
    op.create_index(
        "uq_secret_default",
        "secret",
        ["owner_id", "provider"],
        unique=True,
        sqlite_where=DEFAULT,
        postgresql_where=DEFAULT,
    )
    op.create_table(
        "secret_version",
        sa.Column("secret_id", GUID(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("masked", sa.String(64), nullable=False),
        sa.Column("base_url", sa.String(2048), nullable=False),
        sa.Column("region", sa.String(64), nullable=False),
        sa.Column("nonce", sa.LargeBinary(12)),
        sa.Column("ciphertext", sa.LargeBinary()),
        sa.Column("commitment", sa.LargeBinary(32)),
        sa.Column("wrap_key_id", sa.String(16)),
        sa.Column("wrap_nonce", sa.LargeBinary(12)),
        sa.Column("wrapped_key", sa.LargeBinary(48)),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("replaced_at", DateTimeUTC(timezone=True)),
        sa.Column("valid_until", DateTimeUTC(timezone=True)),
        sa.PrimaryKeyConstraint("secret_id", "version", name="pk_secret_version"),
        sa.ForeignKeyConstraint(
            ["secret_id"], ["secret.id"], name="fk_secret_version_secret_id_secret", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["wrap_key_id"], ["vault_key.id"], name="fk_secret_version_wrap_key_id_vault_key"),
    )
    op.create_index("ix_secret_version_wrap_key_id", "secret_version", ["wrap_key_id"])
    op.create_table(
        "secret_policy",
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("max_age_days", sa.Integer(), nullable=False),
        sa.Column("set_by", GUID(length=16), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("provider", name="pk_secret_policy"),
    )


def _audit() -> None:
    op.create_table(
        "secret_audit_head",
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("last_mac", sa.LargeBinary(32), nullable=False),
        sa.Column("seals", sa.LargeBinary(), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.Column("wrap_key_id", sa.String(16), nullable=False),
        sa.Column("wrap_nonce", sa.LargeBinary(12), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(48), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", name="pk_secret_audit_head"),
        sa.ForeignKeyConstraint(["wrap_key_id"], ["vault_key.id"], name="fk_secret_audit_head_wrap_key_id_vault_key"),
    )
    op.create_index("ix_secret_audit_head_wrap_key_id", "secret_audit_head", ["wrap_key_id"])
    op.create_table(
        "secret_audit",
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("secret_id", GUID(length=16)),
        sa.Column("version", sa.Integer()),
        sa.Column("actor_id", GUID(length=16)),
        sa.Column("run_id", GUID(length=16)),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(128), nullable=False),
        sa.Column("detail", sa.String(200), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.PrimaryKeyConstraint("owner_id", "seq", name="pk_secret_audit"),
    )
    op.create_index("ix_secret_audit_secret", "secret_audit", ["secret_id", "action", "seq"])
    op.create_index("ix_secret_audit_run", "secret_audit", ["run_id", "secret_id"])
    op.create_index("ix_secret_audit_at", "secret_audit", ["at"])


def _guard_on_postgresql() -> None:
    op.execute(
        """
        CREATE FUNCTION secret_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'secret_audit is append-only'; END $$
        """
    )
    op.execute(
        """
        CREATE TRIGGER secret_audit_rows BEFORE UPDATE OR DELETE ON secret_audit
        FOR EACH ROW EXECUTE FUNCTION secret_audit_is_append_only()
        """
    )
    op.execute(
        """
        CREATE TRIGGER secret_audit_all BEFORE TRUNCATE ON secret_audit
        FOR EACH STATEMENT EXECUTE FUNCTION secret_audit_is_append_only()
        """
    )


def _guard_on_sqlite() -> None:
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"""
            CREATE TRIGGER secret_audit_{event.lower()} BEFORE {event} ON secret_audit
            BEGIN SELECT RAISE(ABORT, 'secret_audit is append-only'); END
            """
        )


def downgrade() -> None:
    op.drop_table("secret_audit")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION secret_audit_is_append_only()")
    op.drop_table("secret_audit_head")
    op.drop_table("secret_policy")
    op.drop_table("secret_version")
    op.drop_table("secret")
    op.drop_table("vault_node")
    op.drop_table("vault_key")
