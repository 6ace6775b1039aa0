"""What Alembic runs to apply the steps: over the connection it is handed, in one transaction.

It never opens a connection of its own and never writes SQL to a file.
"""

from alembic import context

from mailrelay.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
