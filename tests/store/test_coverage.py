"""The declared coverage of `mara db check` names every table and column."""

from mara.store.check import coverage
from mara.store.check.coverage import COVERAGE
from mara.store.check.schema_check import schema_columns


def test_every_table_and_column_is_declared_as_covered_or_not() -> None:
    assert COVERAGE.keys() == schema_columns().keys() | {"alembic_version"}
    for table, columns in schema_columns().items():
        cover = COVERAGE[table]
        declared = {*(cover.columns.split() or set(columns) - cover.not_covered.keys()), *cover.not_covered}
        assert declared == set(columns), table


def test_what_is_not_covered_has_a_reason_and_is_told() -> None:
    lines = list(coverage.told())
    for table, cover in COVERAGE.items():
        assert f"  {table}: {cover.by}" in lines
        for column, reason in cover.not_covered.items():
            assert reason
            assert f"  {table}.{column}: {reason}" in lines
