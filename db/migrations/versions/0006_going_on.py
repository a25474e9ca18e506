"""What a run needs to go on: in a later attempt, after a pause, after an answer."""

import sqlalchemy as sa
from advanced_alchemy.types import GUID, JsonB
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

ACTIVE = sa.text("NOT ended")


def upgrade() -> None:
    with op.batch_alter_table("agent") as agent:
        agent.add_column(sa.Column("agent_tools", JsonB, nullable=False, server_default="[]"))
        agent.add_column(sa.Column("approve", JsonB, nullable=False, server_default="[]"))
    with op.batch_alter_table("agent") as agent:
        agent.alter_column("agent_tools", server_default=None)
        agent.alter_column("approve", server_default=None)
    with op.batch_alter_table("run_step") as step:
        step.add_column(sa.Column("seq", sa.Integer(), nullable=True))
    with op.batch_alter_table("run_head") as head:
        head.add_column(sa.Column("parked_at", sa.Double(), nullable=True))
        head.add_column(sa.Column("spent", sa.Double(), nullable=False, server_default="0"))
        head.add_column(sa.Column("crashes", sa.Integer(), nullable=False, server_default="0"))
        head.add_column(sa.Column("followed_until", sa.Double(), nullable=True))
    op.create_index("ix_run_head_active", "run_head", ["run_id"], sqlite_where=ACTIVE, postgresql_where=ACTIVE)
    op.create_table(
        "run_question",
        sa.Column("run_id", GUID(), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("scope", sa.String(200), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("answer", JsonB, nullable=True),
        sa.PrimaryKeyConstraint("run_id", "id", name="pk_run_question"),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name="fk_run_question_run_id_run", ondelete="CASCADE"),
    )


def downgrade() -> None:
    op.drop_table("run_question")
    op.drop_index("ix_run_head_active", "run_head")
    with op.batch_alter_table("run_head") as head:
        head.drop_column("followed_until")
        head.drop_column("crashes")
        head.drop_column("spent")
        head.drop_column("parked_at")
    with op.batch_alter_table("run_step") as step:
        step.drop_column("seq")
    with op.batch_alter_table("agent") as agent:
        agent.drop_column("approve")
        agent.drop_column("agent_tools")
