"""Layouts of American markets."""
