"""Rows of the view model, read by the names of their cells."""

from typing import Any

from components.shared.view_model import Channel


def row_of(value: object) -> dict[str, Any]:
    """A row of the view model, found by its key, with cells by name."""
    assert isinstance(value, dict)
    return value


def text_of(cell: object) -> str:
    """The text of a cell, with or without a state."""
    return str(cell["text"] if isinstance(cell, dict) else cell)


def ranked(channel: Channel) -> list[tuple[str, dict[str, Any]]]:
    """Keys and rows as a table shows them."""
    return sorted(((key, row_of(row)) for key, row in channel.items()), key=lambda entry: -entry[1]["rank"])
