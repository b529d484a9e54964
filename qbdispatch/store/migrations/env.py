"""Alembic's entry: runs the migrations on the connection that `store.engine` hands over, in its transaction."""

from alembic import context

from qbdispatch.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
