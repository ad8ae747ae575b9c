"""What alembic runs: migrations on the connection it was given, inside that connection's transaction."""

from alembic import context

from mara.store import claude_calls, ledger, order_tables, people
from mara.store.tables import Row

assert ledger.LedgerEntry.metadata is claude_calls.ClaudeRun.metadata is people.User.metadata is Row.metadata
assert order_tables.Order.metadata is Row.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
