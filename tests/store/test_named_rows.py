"""Rows of the database are read by column names, on which no digest depends."""

import ast
from pathlib import Path

import numpy as np
import pytest

import mara.store
from mara.store.backends.server_connection import translation
from mara.store.encoding.chain import raw_digest
from mara.store.encoding.seal import market_digest
from mara.store.schema import tables
from mara.store.schema.rows import MarketValues, row_of

PACKAGE = Path(mara.store.__file__).parent
ONE_ROW = {"fetchone", "one", "one_or_none", "first"}
MARKET = (55.0, 0.25, "[]", "[]", "[]", None, None, None)


def is_number(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def reads_by_position(node: ast.AST) -> bool:
    """Find reads such as ``rows[0][3]``, or ``connection.execute(...).one()[3]``."""
    if not isinstance(node, ast.Subscript) or not is_number(node.slice):
        return False
    value = node.value
    is_row = isinstance(value, ast.Subscript) and is_number(value.slice)
    is_answer = isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ONE_ROW
    return is_row or is_answer


def test_no_column_of_a_row_is_read_by_its_position() -> None:
    assert [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in sorted(PACKAGE.rglob("*.py"))
        if "migrations" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Subscript) and reads_by_position(node)
    ] == []


def test_a_row_is_in_the_table_s_order_and_lacks_no_column() -> None:
    row = row_of(tables.SlaInterval, state=1, from_tick=7, number=3)
    assert row == (3, 7, 1)
    with pytest.raises(AssertionError, match="has 3 columns, 2 came"):
        row_of(tables.SlaInterval, state=1, from_tick=7)
    with pytest.raises(KeyError, match="number"):
        row_of(tables.SlaInterval, state=1, from_tick=7, nummer=3)


def test_a_market_with_names_has_the_digests_of_the_plain_row() -> None:
    nothing = np.zeros((0, 6))
    assert market_digest(MarketValues(*MARKET)) == market_digest(MARKET)
    assert raw_digest(nothing, MarketValues(*MARKET), nothing) == raw_digest(nothing, MARKET, nothing)


def test_question_marks_become_the_driver_s_marks_and_none_is_taken_for_one() -> None:
    assert translation("SELECT 7 % 2 WHERE a = ? AND b = 'c'") == "SELECT 7 %% 2 WHERE a = %s AND b = 'c'"
    with pytest.raises(ValueError, match="within quotes"):
        translation("SELECT 'why?' WHERE a = ?")
