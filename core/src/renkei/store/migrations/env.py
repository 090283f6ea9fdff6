"""Run by alembic. The connection comes from `renkei.store.schema`, inside a transaction of its own."""

from alembic import context

from renkei.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    version_table="renkei_schema",
    render_as_batch=True,
    transactional_ddl=False,  # the caller holds the transaction, and the lock that keeps others out
)
context.run_migrations()
