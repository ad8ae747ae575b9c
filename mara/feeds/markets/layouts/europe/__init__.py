"""Layouts of European markets."""
