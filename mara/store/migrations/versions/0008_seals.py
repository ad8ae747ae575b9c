"""Add seals of ticks, digests of rows about Claude, and the access log's changes."""

import sqlalchemy as sa
from alembic import op

from mara.store.access.access_log import changes_text, line_hash, row_digests
from mara.store.encoding.seal import row_digest

revision = "0008"
down_revision = "0007"

NOW = {
    "sqlite": "SELECT CAST(strftime('%s', 'now') AS INTEGER)",
    "postgresql": "SELECT CAST(extract(epoch FROM now()) AS BIGINT)",
}
CLAUDE = {
    "claude_requests": "number, asked_epoch_s, most_micro_usd, cost_micro_usd, request_id",
    "claude_runs": "number, asked_epoch_s, tick, outcome, message, model, request_id, snapshot_hash, prompt_version,"
    " cost_micro_usd",
}


def upgrade() -> None:
    op.add_column("ticks", sa.Column("seal", sa.LargeBinary(), nullable=True))
    op.add_column("access_log", sa.Column("changes", sa.Text(), nullable=True))
    connection = op.get_bind()
    for table, columns in CLAUDE.items():
        op.add_column(table, sa.Column("row_hash", sa.LargeBinary(), nullable=True))
        for row in connection.execute(sa.text(f"SELECT {columns} FROM {table}")).all():
            changed = sa.text(f"UPDATE {table} SET row_hash = :digest WHERE number = :number")
            connection.execute(changed, {"digest": row_digest(row), "number": row[0]})
    seal_rights(connection)


def seal_rights(connection: sa.Connection) -> None:
    """Record the present users, tokens and sessions in a line of the access log."""
    changes = changes_text({}, row_digests(connection))
    if changes is None:
        return
    found = connection.execute(sa.text("SELECT number, entry_hash FROM access_log ORDER BY number DESC LIMIT 1"))
    last = found.one_or_none()
    number, previous = (0, b"") if last is None else (last[0] + 1, last[1])
    now = connection.execute(sa.text(NOW[connection.dialect.name])).scalar_one()
    line = (number, now, "upgrade", "", "users, tokens and sessions as they stood")
    connection.execute(
        sa.text("INSERT INTO access_log VALUES (:number, :at, :actor, :address, :action, :previous, :own, :changes)"),
        {
            **dict(zip(("number", "at", "actor", "address", "action"), line, strict=True)),
            "previous": previous,
            "own": line_hash(previous, line, changes),
            "changes": changes,
        },
    )
