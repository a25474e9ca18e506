"""The tables of `todos`, and of the tools that work on them."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, DateTimeUTC
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "todo",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("item", sa.String(200), nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("importance", sa.String(16), nullable=False),
        sa.Column("start_time", DateTimeUTC(timezone=True)),
        sa.Column("end_time", DateTimeUTC(timezone=True)),
        sa.Column("search_text", sa.Text, nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_todo_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_todo"),
    )
    op.create_index("ix_todo_owner_id", "todo", ["owner_id"])
    op.create_index("ix_todo_owner_id_start_time", "todo", ["owner_id", "start_time"])
    op.create_table(
        "tag",
        sa.Column("id", GUID(length=16), nullable=False),
        sa.Column("name", sa.String(50), nullable=False),
        sa.Column("name_key", sa.Text, nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("created_at", DateTimeUTC(timezone=True), nullable=False),
        sa.Column("updated_at", DateTimeUTC(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_tag_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_tag"),
        sa.UniqueConstraint("owner_id", "name_key", name="uq_tag_owner_id"),
    )
    op.create_index("ix_tag_owner_id", "tag", ["owner_id"])
    op.create_table(
        "todo_tag",
        sa.Column("todo_id", GUID(length=16), nullable=False),
        sa.Column("tag_id", GUID(length=16), nullable=False),
        sa.ForeignKeyConstraint(["todo_id"], ["todo.id"], name="fk_todo_tag_todo_id_todo", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["tag_id"], ["tag.id"], name="fk_todo_tag_tag_id_tag", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("todo_id", "tag_id", name="pk_todo_tag"),
    )
    op.create_index("ix_todo_tag_tag_id", "todo_tag", ["tag_id"])
    op.create_table(
        "tool_effect",
        sa.Column("run_id", GUID(length=16), nullable=False),
        sa.Column("scope", sa.String(255), nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("owner_id", GUID(length=16), nullable=False),
        sa.Column("tool", sa.String(64), nullable=False),
        sa.Column("result", sa.JSON),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["user_account.id"], name="fk_tool_effect_owner_id_user_account", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "scope", "turn", "position", name="pk_tool_effect"),
    )
    op.create_index("ix_tool_effect_owner_id", "tool_effect", ["owner_id"])


def downgrade() -> None:
    for table in ("tool_effect", "todo_tag", "tag", "todo"):
        op.drop_table(table)
