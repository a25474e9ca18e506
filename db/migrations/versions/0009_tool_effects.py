"""What tools have done goes with the run they did it for."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

FOREIGN_KEY = "fk_tool_effect_run_id_run"


def upgrade() -> None:
    op.execute("DELETE FROM tool_effect WHERE run_id NOT IN (SELECT id FROM run)")
    with op.batch_alter_table("tool_effect") as effect:
        effect.create_foreign_key(FOREIGN_KEY, "run", ["run_id"], ["id"], ondelete="CASCADE")


def downgrade() -> None:
    with op.batch_alter_table("tool_effect") as effect:
        effect.drop_constraint(FOREIGN_KEY, type_="foreignkey")
