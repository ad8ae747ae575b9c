"""Run migrations on the connection that alembic was given, within its transaction."""

from alembic import context

from mara.store.access import api_usage, users
from mara.store.schema import gain_table, hourly, ledger, order_tables, signal_tables
from mara.store.schema.tables import Row
from mara.store.write import rules_in_force

OWNERS = (
    ledger.LedgerEntry,
    api_usage.ClaudeRun,
    gain_table.DayGainsRow,
    hourly.Hourly,
    order_tables.Order,
    signal_tables.SignalLine,
    users.UserRow,
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
