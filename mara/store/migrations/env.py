"""What alembic runs: migrations on the connection it was given, inside that connection's transaction."""

from alembic import context

from mara.store import claude_calls, hourly, ledger, order_tables, people, rules_in_force
from mara.store.tables import Row

OWNERS = (
    ledger.LedgerEntry,
    claude_calls.ClaudeRun,
    hourly.Hourly,
    order_tables.Order,
    people.User,
    rules_in_force.RulesLine,
)
assert all(table.metadata is Row.metadata for table in OWNERS)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
