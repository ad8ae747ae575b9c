"""Solves in stages: rows that hardly bind are put back, batteries go one way."""
