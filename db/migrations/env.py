"""Alembic's entry: runs on the connection that `app.server.migrations` hands over."""

from alembic import context

from app.lib.db.base import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
